"""A job without a schedule has no CronJob: none is made, one that was there goes, and it comes back with a schedule."""

from collections.abc import Iterator

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster, ObjectNotFound
from jobs_api.model.project import Project
from tests.functions.people import Person
from tests.functions.test_sync_cronjobs import create, job_changed, project_changed, sync_of, tick, update


@pytest.fixture
def seed(alice: Person, jaffle: Project) -> str:
    return str(create(alice, jaffle, name="seed")["id"])


def cronjobs(cluster: Cluster, person: Person) -> list[str]:
    pages: Iterator[list[dict[str, dict[str, str]]]] = cluster.list_cronjobs(person.organization_id, "")
    return sorted(one["metadata"]["name"] for page in pages for one in page)


def test_a_job_without_a_schedule_gets_no_cronjob_and_is_synced(
    alice: Person, jaffle: Project, cluster: Cluster, seed: str
) -> None:
    docs = create(alice, jaffle, name="docs", schedule=None, run_after=[{"job_id": seed}])
    assert sync_of(alice, docs)["state"] == "pending"

    job_changed(jaffle, docs)

    assert sync_of(alice, docs)["state"] == "synced"
    tick(alice)
    assert cronjobs(cluster, alice) == ["jaffle-seed"]
    assert sync_of(alice, docs)["state"] == "synced"


def test_without_a_schedule_its_cronjob_is_removed_and_with_one_it_comes_back(
    alice: Person, jaffle: Project, cluster: Cluster, seed: str
) -> None:
    docs = create(alice, jaffle, name="docs", run_after=[{"job_id": seed}])
    tick(alice)
    assert cronjobs(cluster, alice) == ["jaffle-docs", "jaffle-seed"]

    update(alice, docs, schedule=None)
    assert sync_of(alice, docs)["state"] == "pending"
    job_changed(jaffle, docs)
    assert cronjobs(cluster, alice) == ["jaffle-seed"]
    assert sync_of(alice, docs)["state"] == "synced"

    update(alice, docs, schedule="@hourly")
    tick(alice)
    assert cluster.get_cronjob(alice.organization_id, "jaffle-docs")["spec"]["schedule"] == "@hourly"
    assert sync_of(alice, docs)["state"] == "synced"


def test_a_sync_of_everything_finds_nothing_to_do(
    alice: Person, jaffle: Project, cluster: Cluster, seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = create(alice, jaffle, name="docs", schedule=None, run_after=[{"job_id": seed}])
    tick(alice)
    monkeypatch.setattr(store, "list_jobs", lambda *_: pytest.fail("the jobs were read"))

    tick(alice)

    assert sync_of(alice, docs)["state"] == "synced"
    assert cronjobs(cluster, alice) == ["jaffle-seed"]


def test_a_cronjob_that_somebody_makes_for_it_by_hand_is_removed(
    alice: Person, jaffle: Project, cluster: Cluster, seed: str
) -> None:
    docs = create(alice, jaffle, name="docs", run_after=[{"job_id": seed}])
    tick(alice)
    copy = cluster.get_cronjob(alice.organization_id, "jaffle-docs")
    update(alice, docs, schedule=None)
    tick(alice)
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation"):
        copy["metadata"].pop(name, None)
    copy.pop("status", None)

    cluster.create_cronjob(copy)
    tick(alice)

    with pytest.raises(ObjectNotFound):
        cluster.get_cronjob(alice.organization_id, "jaffle-docs")
    assert sync_of(alice, docs)["state"] == "synced"


def test_renaming_a_job_and_removing_its_schedule_leaves_no_cronjob(
    alice: Person, jaffle: Project, cluster: Cluster, seed: str
) -> None:
    docs = create(alice, jaffle, name="docs", run_after=[{"job_id": seed}])
    tick(alice)

    update(alice, docs, schedule=None, name="pages")
    project_changed(jaffle)

    assert cronjobs(cluster, alice) == ["jaffle-seed"]


@pytest.mark.usefixtures("cluster")
def test_a_job_has_no_slots_after_its_schedule_was_removed(alice: Person, jaffle: Project, seed: str) -> None:
    docs = create(alice, jaffle, name="docs", run_after=[{"job_id": seed}], schedule="0 0 1 1 *")
    tick(alice)
    update(alice, docs, schedule=None)
    tick(alice)

    job = store.get_job(jaffle.organization_id, jaffle.id, docs["id"])[1]
    assert job.firing is None
    assert job.due_at is None
