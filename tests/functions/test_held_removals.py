"""If the tables do not know the cluster's CronJobs, a sync removes few or none until an operator confirms."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected
from jobs_api.errors import Conflict, InvalidRequest
from jobs_api.k8s.labels import DEPLOYMENT, JOB_ID, PROJECT_ID, PROJECT_VERSION
from jobs_api.metrics import Metric
from jobs_api.model.project import Project
from jobs_api.store.project_rows import ProjectsRow
from jobsctl import operations
from tests.functions.people import Person
from tests.functions.test_sync_cronjobs import (
    create,
    delete,
    job_changed,
    listed,
    operate,
    project_changed,
    sync_of,
    tick,
    update,
)


def rows(person: Person, project: Project) -> list[ProjectsRow]:
    partitions = (person.organization_id, f"{person.organization_id}/{project.id}")
    return [row for partition in partitions for row in ProjectsRow.query(partition, consistent_read=True)]


def empty(person: Person, project: Project) -> list[ProjectsRow]:
    """Delete a project's rows from the tables, as if the table were new."""
    taken = rows(person, project)
    for row in taken:
        row.delete()
    return taken


def several(person: Person, project: Project, count: int) -> list[dict[str, Any]]:
    made = [create(person, project, name=f"job {number}") for number in range(count)]
    tick(person)
    return made


def metrics(capsys: pytest.CaptureFixture[str], metric: Metric) -> list[list[float]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line[metric] for line in lines if metric in line]


@pytest.mark.parametrize("again", [1, 3])
def test_after_an_empty_new_table_nothing_is_removed_and_sync_says_so(
    alice: Person, jaffle: Project, cluster: Cluster, caplog: pytest.LogCaptureFixture, again: int
) -> None:
    several(alice, jaffle, 3)
    before = listed(cluster, alice)
    empty(alice, jaffle)
    for _ in range(again):
        tick(alice)
        tick(alice)

    assert listed(cluster, alice) == before
    held = store.get_organization(alice.organization_id).held_removals
    assert held
    assert (held.count, held.there, held.projects) == (3, 3, [jaffle.id])
    assert held.cronjobs == sorted(before)
    assert "not removed until an operator confirms" in caplog.text


def test_held_removals_are_a_metric(
    alice: Person,
    jaffle: Project,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    several(alice, jaffle, 2)
    assert metrics(capsys, Metric.REMOVALS_HELD) == []
    empty(alice, jaffle)

    tick(alice)

    assert metrics(capsys, Metric.REMOVALS_HELD) == [[2.0]]
    assert len(listed(cluster, alice)) == 2


@pytest.mark.parametrize("event", [project_changed, "job"])
def test_an_event_about_a_part_removes_nothing_either(
    alice: Person, jaffle: Project, cluster: Cluster, event: Any
) -> None:
    (job, _) = several(alice, jaffle, 2)
    empty(alice, jaffle)

    job_changed(jaffle, job) if event == "job" else event(jaffle)

    assert len(listed(cluster, alice)) == 2
    assert store.get_organization(alice.organization_id).held_removals


def test_removals_that_an_operator_confirms_happen_and_are_recorded(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    several(alice, jaffle, 3)
    empty(alice, jaffle)
    tick(alice)

    operations.confirm_removals(alice.organization_id, at_most=3)
    tick(alice)

    assert listed(cluster, alice) == {}
    organization = store.get_organization(alice.organization_id)
    assert organization.held_removals is None
    assert organization.removal_confirmation
    assert organization.removal_confirmation.used_at


def test_a_used_confirmation_does_not_apply_to_later_removals(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    several(alice, jaffle, 2)
    taken = empty(alice, jaffle)
    tick(alice)
    operations.confirm_removals(alice.organization_id, at_most=2)
    tick(alice)
    for row in taken:
        row.save()
    tick(alice)
    assert len(listed(cluster, alice)) == 2

    empty(alice, jaffle)
    tick(alice)

    assert len(listed(cluster, alice)) == 2


def test_a_confirmation_is_still_valid_for_the_pass_after_an_interrupted_one(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(alice, jaffle, 3)
    empty(alice, jaffle)
    tick(alice)
    operations.confirm_removals(alice.organization_id, at_most=3)
    removed: list[str] = []
    delete_cronjob = Cluster.delete_cronjob

    def once(self: Cluster, namespace: str, name: str, uid: str, resource_version: str) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(name)
        delete_cronjob(self, namespace, name, uid, resource_version)

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "delete_cronjob", once)
        with pytest.raises(KeyboardInterrupt):
            tick(alice)
    assert len(listed(cluster, alice)) == 2
    tick(alice)

    assert listed(cluster, alice) == {}
    assert store.get_organization(alice.organization_id).held_removals is None


def test_a_confirmation_is_bounded_in_number_and_in_time(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    with pytest.raises(Conflict, match="waits for a confirmation"):
        operations.confirm_removals(alice.organization_id, at_most=1)
    several(alice, jaffle, 2)
    empty(alice, jaffle)
    tick(alice)

    for at_most, hours in ((1, 1), (3, 1), (2, 0), (2, 25)):
        with pytest.raises(InvalidRequest):
            operations.confirm_removals(alice.organization_id, at_most=at_most, hours=hours)

    made = operations.confirm_removals(alice.organization_id, at_most=1, project_id=jaffle.id).removal_confirmation
    assert made
    assert made.until - made.confirmed_at == timedelta(hours=1)
    tick(alice)
    assert len(listed(cluster, alice)) == 2, "two of them are more than what was confirmed"


def test_after_the_right_tables_are_back_nothing_has_changed(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    several(alice, jaffle, 3)
    before = listed(cluster, alice)
    taken = empty(alice, jaffle)
    tick(alice)

    for row in taken:
        row.save()
    tick(alice)

    assert listed(cluster, alice) == before
    assert store.get_organization(alice.organization_id).held_removals is None


def test_a_few_of_many_are_removed_without_a_confirmation(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    made = several(alice, jaffle, 11)
    for row in rows(alice, jaffle):
        if made[0]["id"] in {row.sort.partition("#")[2], getattr(row, "holder", None)}:
            row.delete()

    tick(alice)

    assert len(listed(cluster, alice)) == 10
    assert store.get_organization(alice.organization_id).held_removals is None


@pytest.mark.parametrize("count", [1, 3])
def test_deleting_the_last_jobs_needs_no_confirmation(
    alice: Person, jaffle: Project, cluster: Cluster, count: int
) -> None:
    for job in several(alice, jaffle, count):
        delete(alice, job)

    tick(alice)

    assert listed(cluster, alice) == {}


def test_undeploying_the_only_project_needs_no_confirmation(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    several(alice, jaffle, 2)
    operate(jaffle, deployed=False)

    tick(alice)

    assert listed(cluster, alice) == {}


def test_a_job_deleted_from_an_undeployed_project_needs_no_confirmation(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    (job,) = several(alice, jaffle, 1)
    operate(jaffle, deployed=False)
    delete(alice, job)

    tick(alice)

    assert listed(cluster, alice) == {}


def test_deleting_the_only_project_needs_no_confirmation(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    several(alice, jaffle, 2)
    operations.delete_project(alice.organization_id, jaffle.id)

    tick(alice)

    assert listed(cluster, alice) == {}


def test_a_project_that_is_half_deleted_needs_no_confirmation(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(alice, jaffle, 2)

    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProjectsRow, "delete", cut_off)
        with pytest.raises(KeyboardInterrupt):
            operations.delete_project(alice.organization_id, jaffle.id)
    for row in rows(alice, jaffle):
        if row.sort.startswith("job#"):
            row.delete()

    tick(alice)

    assert listed(cluster, alice) == {}


def test_renaming_the_only_job_needs_no_confirmation(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    (job,) = several(alice, jaffle, 1)
    update(alice, job, name="renamed")

    tick(alice)

    assert list(listed(cluster, alice)) == ["jaffle-renamed"]


def test_deleting_an_organization_removes_unknown_cronjobs_too(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    several(alice, jaffle, 2)
    empty(alice, jaffle)
    store.leave_cluster(alice.organization_id, jaffle.updated_at, closed=True)

    tick(alice)

    assert listed(cluster, alice) == {}


def test_tables_from_before_a_project_was_deployed_do_not_undeploy_it(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    project = operate(jaffle, deployed=False)
    job = create(alice, project)
    older = rows(alice, jaffle)
    operate(project, deployed=True)
    tick(alice)
    assert list(listed(cluster, alice)) == ["jaffle-nightly"]
    for row in older:
        row.save()

    tick(alice)

    assert list(listed(cluster, alice)) == ["jaffle-nightly"]
    assert sync_of(alice, job)["state"] == "not_deployed"
    assert store.get_organization(alice.organization_id).held_removals


def test_a_new_job_names_the_unknown_cronjob_that_has_its_name(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    (old,) = several(alice, jaffle, 1)
    taken = empty(alice, jaffle)
    for row in taken:
        if not row.sort.endswith(old["id"]) and getattr(row, "holder", None) != old["id"]:
            row.save()
    new = create(alice, jaffle, name="job 0")

    events: list[Callable[[], None]] = [
        lambda: job_changed(jaffle, new),
        lambda: tick(alice),
        lambda: project_changed(jaffle),
    ]
    for told in events:
        told()
        assert listed(cluster, alice)["jaffle-job-0"]["metadata"]["labels"][JOB_ID] == old["id"]
        assert sync_of(alice, new)["state"] == "error"
        assert "only when its operator confirms" in sync_of(alice, new)["message"]

    operations.confirm_removals(alice.organization_id, at_most=1)
    tick(alice)
    assert listed(cluster, alice)["jaffle-job-0"]["metadata"]["labels"][JOB_ID] == new["id"]
    assert sync_of(alice, new)["state"] == "synced"


def test_labels_that_were_edited_to_nonsense_are_held_and_break_nothing(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    several(alice, jaffle, 1)
    (live,) = listed(cluster, alice).values()
    live["metadata"] = {
        "name": "copied",
        "namespace": alice.organization_id,
        "labels": {**live["metadata"]["labels"], PROJECT_ID: "a.b", JOB_ID: ""},
        "annotations": {PROJECT_VERSION: "many"},
    }
    cluster.create_cronjob({**live, "apiVersion": "batch/v1", "kind": "CronJob"})

    tick(alice)

    assert sorted(listed(cluster, alice)) == ["copied", "jaffle-job-0"]
    held = store.get_organization(alice.organization_id).held_removals
    assert held
    assert held.cronjobs == ["copied"]
    assert DEPLOYMENT in listed(cluster, alice)["copied"]["metadata"]["labels"]


def test_held_removals_are_recorded_even_if_the_sync_fails(
    alice: Person, jaffle: Project, analytics: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(alice, jaffle, 2)
    gone = create(alice, analytics, command="sqlmesh run")
    tick(alice)
    empty(alice, jaffle)
    delete(alice, gone)

    def refuse(*_: Any) -> None:
        raise ClusterRejected(403, "an admission policy")

    monkeypatch.setattr(Cluster, "delete_cronjob", refuse)
    with pytest.raises(ClusterRejected):
        tick(alice)

    held = store.get_organization(alice.organization_id).held_removals
    assert held
    assert (held.count, len(listed(cluster, alice))) == (2, 3)


def test_a_confirmed_removal_that_fails_leaves_the_confirmation(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(alice, jaffle, 2)
    empty(alice, jaffle)
    tick(alice)
    operations.confirm_removals(alice.organization_id, at_most=2)

    def refuse(*_: Any) -> None:
        raise ClusterRejected(403, "an admission policy")

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "delete_cronjob", refuse)
        with pytest.raises(ClusterRejected):
            tick(alice)
    assert store.get_organization(alice.organization_id).held_removals
    tick(alice)

    assert listed(cluster, alice) == {}
    organization = store.get_organization(alice.organization_id)
    assert organization.held_removals is None
    assert organization.removal_confirmation
    assert organization.removal_confirmation.used_at
