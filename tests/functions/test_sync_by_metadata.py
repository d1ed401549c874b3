"""A sync reads only the metadata of CronJobs that are right, and reads and repairs those that differ."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster, Object
from jobs_api.cluster.connection import Connection
from jobs_api.model.project import Project
from jobs_api.store.project_rows import JobRow
from jobs_api.sync import fingerprint, live_cronjobs
from local.cluster import EmbeddedCluster
from tests.functions.people import Person
from tests.functions.test_sync_cronjobs import create, delete, job_changed, listed, tick

NAME = "jaffle-nightly"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what is asked of the cluster: the method, what stands behind the namespace, and whether it is metadata."""
    recorded: list[str] = []
    send = Connection.send

    def recording(self: Connection, method: str, path: str, *arguments: Any, **options: Any) -> Any:
        kind = " metadata" if "PartialObjectMetadataList" in options.get("accept", "") else ""
        recorded.append(f"{method} {path.partition('/namespaces/')[2].partition('/')[2]}{kind}")
        return send(self, method, path, *arguments, **options)

    monkeypatch.setattr(Connection, "send", recording)
    return recorded


@pytest.fixture
def lagging(embedded_cluster: EmbeddedCluster) -> Iterator[EmbeddedCluster]:
    """Return a cluster whose watch cache can be frozen."""
    yield embedded_cluster
    embedded_cluster.lag(lags=False)


def change(cluster: Cluster, person: Person, **spec: Any) -> Object:
    """Edit a CronJob's spec by hand."""
    live = listed(cluster, person)[NAME]
    return cluster.replace_cronjob(
        {**live, "apiVersion": "batch/v1", "kind": "CronJob", "spec": {**live["spec"], **spec}}
    )


def remove(cluster: Cluster, person: Person, cronjob: Object) -> None:
    metadata = cronjob["metadata"]
    cluster.delete_cronjob(person.organization_id, metadata["name"], metadata["uid"], metadata["resourceVersion"])


@pytest.mark.usefixtures("cluster")
def test_a_process_that_remembers_nothing_lists_metadata_once_and_reads_and_writes_nothing(
    alice: Person, jaffle: Project, asked: list[str]
) -> None:
    create(alice, jaffle)
    create(alice, jaffle, name="hourly")
    tick(alice)
    asked.clear()

    tick(alice)

    assert asked == ["GET cronjobs metadata"]


def test_only_a_cronjob_edited_by_hand_is_read_whole(
    alice: Person, jaffle: Project, cluster: Cluster, asked: list[str]
) -> None:
    create(alice, jaffle)
    create(alice, jaffle, name="hourly")
    tick(alice)
    change(cluster, alice, schedule="9 9 * * *")
    asked.clear()

    tick(alice)

    assert [call for call in asked if not call.endswith("metadata")][:2] == [
        f"GET cronjobs/{NAME}",
        f"PUT cronjobs/{NAME}",
    ]
    assert listed(cluster, alice)[NAME]["spec"]["schedule"] == "0 2 * * *"


def test_one_that_was_made_again_from_its_own_export_is_seen(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    """The new CronJob has the generation and all annotations of the old one."""
    create(alice, jaffle)
    tick(alice)
    export = listed(cluster, alice)[NAME]
    remove(cluster, alice, export)
    kept = {name: export["metadata"][name] for name in ("name", "namespace", "labels", "annotations")}
    again = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": kept}
    made = cluster.create_cronjob({**again, "spec": {**export["spec"], "schedule": "9 9 * * *"}})
    assert made["metadata"]["generation"] == export["metadata"]["generation"]

    tick(alice)

    assert listed(cluster, alice)[NAME]["spec"]["schedule"] == "0 2 * * *"


def test_a_label_of_somebody_else_has_it_read_once_and_changes_nothing(
    alice: Person, jaffle: Project, cluster: Cluster, asked: list[str]
) -> None:
    create(alice, jaffle)
    tick(alice)
    live = listed(cluster, alice)[NAME]
    labels = {**live["metadata"]["labels"], "team": "data"}
    touched = {**live, "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {**live["metadata"], "labels": labels}}
    cluster.replace_cronjob(touched)
    tick(alice)
    asked.clear()

    tick(alice)

    assert asked == ["GET cronjobs metadata"]
    assert listed(cluster, alice)[NAME]["metadata"]["labels"]["team"] == "data"


@pytest.mark.usefixtures("cluster")
def test_another_version_of_the_code_compares_all_cronjobs_once(
    alice: Person, jaffle: Project, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version may want other CronJobs of the same jobs."""
    create(alice, jaffle)
    tick(alice)
    monkeypatch.setattr(fingerprint, "version_of_code", lambda: "another")
    asked.clear()

    tick(alice)
    assert f"GET cronjobs/{NAME}" in asked
    asked.clear()
    tick(alice)

    assert asked == ["GET cronjobs metadata"]


@pytest.mark.usefixtures("cluster")
def test_where_many_differ_they_are_listed_and_not_read_one_by_one(
    alice: Person, jaffle: Project, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_cronjobs, "READ_ALONE", 1)
    for name in ("one", "two"):
        create(alice, jaffle, name=name)
    tick(alice)
    monkeypatch.setattr(fingerprint, "version_of_code", lambda: "another")
    asked.clear()

    tick(alice)

    assert asked == ["GET cronjobs metadata", "GET cronjobs metadata", "GET cronjobs"]


def test_the_code_has_a_version_of_its_own() -> None:
    assert len(fingerprint.version_of_code()) == 64


# -- the list of metadata may be old


def test_a_cache_that_does_not_show_a_cronjob_yet_has_none_made_again(
    alice: Person, jaffle: Project, cluster: Cluster, lagging: EmbeddedCluster
) -> None:
    lagging.lag()
    job = create(alice, jaffle)
    job_changed(jaffle, job)
    before = listed(cluster, alice)

    tick(alice)

    assert listed(cluster, alice) == before


def test_an_old_cache_leads_to_no_removal(
    alice: Person, jaffle: Project, cluster: Cluster, lagging: EmbeddedCluster
) -> None:
    job = create(alice, jaffle)
    tick(alice)
    lagging.lag()
    delete(alice, job)
    job_changed(jaffle, job)
    again = create(alice, jaffle)
    job_changed(jaffle, again)
    before = listed(cluster, alice)

    tick(alice)

    assert listed(cluster, alice) == before
    synced = store.get_job(alice.organization_id, jaffle.id, again["id"])[1].synced
    assert synced
    assert synced.message is None


def test_a_cache_that_lags_never_has_more_removed_than_the_tables_know(
    alice: Person, jaffle: Project, cluster: Cluster, lagging: EmbeddedCluster
) -> None:
    """One unknown CronJob of twelve may be removed; none of the two that are left by now."""
    jobs = [create(alice, jaffle, name=f"job {number}") for number in range(12)]
    tick(alice)
    lagging.lag()
    for job in jobs[2:]:
        delete(alice, job)
        job_changed(jaffle, job)
    JobRow(f"{alice.organization_id}/{jaffle.id}", f"job#{jobs[0]['id']}").delete()

    tick(alice)

    assert listed(cluster, alice).keys() == {jobs[0]["cronjob_name"], jobs[1]["cronjob_name"]}


def test_a_change_that_the_cache_does_not_show_is_seen_once_it_does(
    alice: Person, jaffle: Project, cluster: Cluster, lagging: EmbeddedCluster
) -> None:
    create(alice, jaffle)
    tick(alice)
    lagging.lag()
    change(cluster, alice, suspend=True)
    tick(alice)
    assert listed(cluster, alice)[NAME]["spec"]["suspend"] is True

    lagging.lag(lags=False)
    tick(alice)

    assert listed(cluster, alice)[NAME]["spec"]["suspend"] is False
