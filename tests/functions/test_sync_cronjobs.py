"""The cluster follows the tables: after every change, every minute, and after changes by hand."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from jobs_api import store
from jobs_api.cluster import Cluster, Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s.labels import JOB_ID, JOB_VERSION, selector
from jobs_api.model.job import Job
from jobs_api.model.job_sync import SyncedVersion, SyncState
from jobs_api.model.project import Project
from jobs_api.model.resources import Resources
from local.cluster import EmbeddedCluster
from tests.calls_to_aws import Call, intercept_aws
from tests.functions import passes
from tests.functions.people import NOON, Person

NIGHTLY = {"name": "nightly", "command": "dbt build", "schedule": "0 2 * * *"}


def sync(**detail: str) -> None:
    """Make the CronJobs of an organization match, or of a part of it."""
    passes.sync(**detail)


def tick(person: Person) -> None:
    sync(organization_id=person.organization_id)


def project_changed(project: Project) -> None:
    sync(organization_id=project.organization_id, project_id=project.id)


def job_changed(project: Project, job: dict[str, Any]) -> None:
    sync(organization_id=project.organization_id, project_id=project.id, job_id=job["id"])


def create(person: Person, project: Project, **settings: Any) -> dict[str, Any]:
    answer = person.call("POST", f"/api/v1/projects/{project.id}/jobs", {**NIGHTLY, **settings})
    assert answer.status == 201, answer.text
    created: dict[str, Any] = answer.json
    return created


def update(person: Person, job: dict[str, Any], **settings: Any) -> dict[str, Any]:
    answer = person.call("PUT", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}", settings)
    assert answer.status == 200, answer.text
    updated: dict[str, Any] = answer.json
    return updated


def delete(person: Person, job: dict[str, Any]) -> None:
    assert person.call("DELETE", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}").status == 200


def sync_of(person: Person, job: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = person.call("GET", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}").json["sync"]
    return shown


def operate(project: Project, **settings: Any) -> Project:
    """Change a project's settings, as an operator does."""
    before = store.get_project(project.organization_id, project.id)
    after = before.model_copy(
        update={"settings": before.settings.model_copy(update=settings), "version": before.version + 1}
    )
    store.update_project(after, before.version)
    return after


def listed(cluster: Cluster, person: Person) -> dict[str, Object]:
    """Return the organization's CronJobs by name."""
    pages = cluster.list_cronjobs(person.organization_id, selector())
    return {item["metadata"]["name"]: item for page in pages for item in page}


def fire(cluster: Cluster, person: Person, name: str) -> None:
    """Note in a CronJob's status that it fired, as the controller does."""
    live = cluster.get_cronjob(person.organization_id, name)
    path = f"/apis/batch/v1/namespaces/{person.organization_id}/cronjobs/{name}/status"
    cluster._connection.write("PUT", path, {**live, "status": {"lastScheduleTime": "2026-04-28T02:00:00Z"}})


def test_a_new_job_gets_its_cronjob(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    job = create(alice, jaffle)
    assert sync_of(alice, job) == {"state": "pending"}
    job_changed(jaffle, job)
    assert listed(cluster, alice)["jaffle-nightly"]["spec"]["schedule"] == "0 2 * * *"
    assert sync_of(alice, job)["state"] == "synced"


def test_a_lost_event_costs_no_more_than_the_minute_to_the_next_tick(
    alice: Person, jaffle: Project, analytics: Project, cluster: Cluster
) -> None:
    create(alice, jaffle)
    create(alice, analytics, command="sqlmesh run")
    tick(alice)
    assert listed(cluster, alice).keys() == {"jaffle-nightly", "analytics-nightly"}


def test_a_change_reaches_the_cronjob_and_is_pending_until_then(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    job = create(alice, jaffle)
    job_changed(jaffle, job)
    update(alice, job, schedule="0 3 * * *", enabled=False)
    assert sync_of(alice, job)["state"] == "pending"
    job_changed(jaffle, job)
    spec = listed(cluster, alice)["jaffle-nightly"]["spec"]
    assert (spec["schedule"], spec["suspend"]) == ("0 3 * * *", True)
    assert sync_of(alice, job)["state"] == "synced"


def test_the_cronjob_of_a_deleted_job_is_deleted(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    job, other = create(alice, jaffle), create(alice, jaffle, name="hourly")
    project_changed(jaffle)
    delete(alice, job)
    job_changed(jaffle, job)
    assert listed(cluster, alice).keys() == {other["cronjob_name"]}


def test_the_cronjob_of_a_renamed_job_is_replaced_by_one_of_the_new_name(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    job = create(alice, jaffle)
    job_changed(jaffle, job)
    update(alice, job, name="every night")
    job_changed(jaffle, job)
    assert listed(cluster, alice).keys() == {"jaffle-every-night"}


def test_undeploying_removes_suspending_suspends_and_deploying_brings_back(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    job = create(alice, jaffle)
    project_changed(jaffle)
    operate(jaffle, deployed=False)
    project_changed(jaffle)
    assert listed(cluster, alice) == {}
    assert sync_of(alice, job) == {"state": "not_deployed"}
    operate(jaffle, deployed=True, suspended=True)
    project_changed(jaffle)
    assert listed(cluster, alice)["jaffle-nightly"]["spec"]["suspend"] is True
    operate(jaffle, suspended=False)
    project_changed(jaffle)
    assert listed(cluster, alice)["jaffle-nightly"]["spec"]["suspend"] is False
    assert sync_of(alice, job)["state"] == "synced"


def test_cronjobs_of_a_deleted_project_are_removed_at_the_next_tick(
    alice: Person, jaffle: Project, analytics: Project, cluster: Cluster
) -> None:
    create(alice, jaffle)
    create(alice, analytics, command="sqlmesh run")
    tick(alice)
    store.delete_project(jaffle)
    tick(alice)
    assert listed(cluster, alice).keys() == {"analytics-nightly"}


def test_cronjobs_edited_or_deleted_by_hand_are_restored(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    create(alice, jaffle)
    create(alice, jaffle, name="hourly")
    tick(alice)
    there = listed(cluster, alice)
    edited, deleted = there["jaffle-nightly"], there["jaffle-hourly"]["metadata"]
    edited["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "DEBUG"})
    cluster.replace_cronjob({**edited, "kind": "CronJob", "apiVersion": "batch/v1"})
    cluster.delete_cronjob(alice.organization_id, "jaffle-hourly", deleted["uid"], deleted["resourceVersion"])
    tick(alice)
    restored = listed(cluster, alice)
    container = restored["jaffle-nightly"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert "DEBUG" not in [variable["name"] for variable in container["env"]]
    assert restored.keys() == {"jaffle-nightly", "jaffle-hourly"}


def test_everything_that_a_job_can_say_is_as_wanted_after_the_cluster_filled_in_its_defaults(
    alice: Person, jaffle: Project, cluster: Cluster, calls: "Calls"
) -> None:
    operate(jaffle, environment_secret="warehouse", resources=Resources(requests={"cpu": "0.5"}))
    create(
        alice,
        jaffle,
        timezone="Europe/Berlin",
        environment={"EMPTY": "", "PRICE": "5$"},
        resources={"limits": {"memory": "1024Mi", "cpu": 1}},
        command="dbt run --vars '{\"a\": 1}'",
    )
    tick(alice)
    calls.clear()
    tick(alice)
    assert listed(cluster, alice)
    assert calls.cluster_writes == calls.table_writes == []


class Calls:
    """Every call to the tables and the cluster, and answers that are not the cluster's own."""

    def __init__(self) -> None:
        self.table: list[str] = []
        self.cluster: list[str] = []
        self.answer: Callable[[str], Response | None] = lambda _: None

    def clear(self) -> None:
        """Count from here."""
        self.table.clear()
        self.cluster.clear()

    @property
    def table_writes(self) -> list[str]:
        """The operations that change a table."""
        return [call for call in self.table if call not in {"Query", "GetItem", "BatchGetItem"}]

    @property
    def cluster_writes(self) -> list[str]:
        """The requests that change the cluster."""
        return [call for call in self.cluster if not call.startswith("GET ")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """Note a request to the cluster and pass it on, or answer in its place."""
        request = f"{scope['method']} {scope['path']}"
        self.cluster.append(request)
        await (self.answer(request) or app)(scope, receive, send)


@pytest.fixture
def calls(cluster: Cluster, embedded_cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Watch every call, once the namespace is there."""
    assert cluster
    assert embedded_cluster.faults
    embedded_cluster.faults.fault = calls = Calls()

    def counted(call: Call) -> Any:
        if call.service == "dynamodb":
            calls.table.append(call.operation)
        return call.make()

    intercept_aws(monkeypatch, counted)
    yield calls
    embedded_cluster.faults.fault = None


def status(code: int, reason: str, message: str) -> Response:
    return JSONResponse({"kind": "Status", "reason": reason, "message": message}, status_code=code)


def test_the_same_event_again_changes_nothing(alice: Person, jaffle: Project, calls: Calls) -> None:
    job = create(alice, jaffle)
    job_changed(jaffle, job)
    before = sync_of(alice, job)
    calls.clear()
    job_changed(jaffle, job)
    project_changed(jaffle)
    tick(alice)
    assert calls.cluster == [f"GET /apis/batch/v1/namespaces/{alice.organization_id}/cronjobs"] * 3
    assert calls.table_writes == []
    assert sync_of(alice, job) == before


def test_a_tick_that_finds_nothing_new_reads_no_job_and_lists_once(
    alice: Person, jaffle: Project, analytics: Project, cluster: Cluster, calls: Calls
) -> None:
    create(alice, jaffle)
    create(alice, analytics, command="sqlmesh run")
    tick(alice)
    fire(cluster, alice, "jaffle-nightly")
    calls.clear()
    tick(alice)
    assert calls.cluster == [f"GET /apis/batch/v1/namespaces/{alice.organization_id}/cronjobs"]
    assert calls.table == ["Query", "BatchGetItem", "Query", "Query"]


def test_a_tick_compares_only_the_project_in_which_something_changed(
    alice: Person, jaffle: Project, analytics: Project, cluster: Cluster, calls: Calls
) -> None:
    create(alice, jaffle)
    create(alice, analytics, command="sqlmesh run")
    tick(alice)
    live = listed(cluster, alice)["jaffle-nightly"]["metadata"]
    cluster.delete_cronjob(alice.organization_id, "jaffle-nightly", live["uid"], live["resourceVersion"])
    calls.clear()
    tick(alice)
    # The last call is the dry run of a pod.
    assert [call.split()[0] for call in calls.cluster] == ["GET", "GET", "POST", "POST"]
    assert listed(cluster, alice).keys() == {"jaffle-nightly", "analytics-nightly"}


def test_a_recorded_sync_state_that_is_wrong_is_corrected_though_the_cluster_did_not_change(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    job = create(alice, jaffle)
    tick(alice)
    late = SyncedVersion(version="1.1", state=SyncState.ERROR, message="a sync that came late", synced_at=NOON)
    store.record_sync(stored_job(job, alice), late)
    tick(alice)
    assert cluster
    assert sync_of(alice, job)["state"] == "synced"


def test_a_cronjob_that_a_mutating_webhook_changes_is_not_rewritten_every_minute(
    alice: Person, jaffle: Project, cluster: Cluster, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutating webhook adds to whatever is written; here each create is followed by such an addition."""
    create_cronjob = Cluster.create_cronjob

    def mutated(self: Cluster, cronjob: Object) -> Object:
        made = create_cronjob(self, cronjob)
        made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["nodeSelector"] = {"pool": "jobs"}
        return self.replace_cronjob({**made, "kind": "CronJob", "apiVersion": "batch/v1"})

    monkeypatch.setattr(Cluster, "create_cronjob", mutated)
    create(alice, jaffle)
    tick(alice)
    calls.clear()
    tick(alice)
    assert cluster
    assert calls.cluster_writes == []


def test_syncing_one_job_is_one_read_one_list_and_two_writes(alice: Person, jaffle: Project, calls: Calls) -> None:
    job = create(alice, jaffle)
    tick(alice)
    update(alice, job, schedule="@daily")
    calls.clear()
    job_changed(jaffle, job)
    # The last call is the dry run of a pod.
    assert [call.split()[0] for call in calls.cluster] == ["GET", "PUT", "POST"]
    assert calls.table == ["BatchGetItem", "UpdateItem"]


def test_a_cronjob_of_somebody_else_is_never_overwritten_and_the_job_says_so(
    alice: Person, jaffle: Project, cluster: Cluster, calls: Calls
) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "python"}]}
    theirs = cluster.create_cronjob(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "jaffle-nightly", "namespace": alice.organization_id},
            "spec": {"schedule": "1 1 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
        }
    )
    job = create(alice, jaffle)
    tick(alice)
    assert sync_of(alice, job)["state"] == "error"
    assert "jaffle-nightly" in sync_of(alice, job)["message"]
    assert "did not make" in sync_of(alice, job)["message"]
    calls.clear()
    tick(alice)
    assert calls.table_writes == []
    assert cluster.get_cronjob(alice.organization_id, "jaffle-nightly") == theirs
    metadata = theirs["metadata"]
    cluster.delete_cronjob(alice.organization_id, "jaffle-nightly", metadata["uid"], metadata["resourceVersion"])
    tick(alice)
    assert sync_of(alice, job)["state"] == "synced"


def test_a_refusal_of_the_cluster_is_in_the_job_in_its_words_and_stops_no_other_job(
    alice: Person, jaffle: Project, cluster: Cluster, calls: Calls
) -> None:
    job, other = create(alice, jaffle), create(alice, jaffle, name="other")
    stored = stored_job(job, alice)
    slipped = Resources.model_construct(requests={}, limits={"memory": "lots"})
    settings = stored.settings.model_copy(update={"resources": slipped})
    store.update_job(stored, stored.model_copy(update={"settings": settings, "version": 2}))
    tick(alice)
    assert sync_of(alice, job)["state"] == "error"
    assert "quantities must match the regular expression" in sync_of(alice, job)["message"]
    assert sync_of(alice, other)["state"] == "synced"
    calls.clear()
    tick(alice)
    assert [call.split()[0] for call in calls.cluster_writes] == ["POST"]
    assert calls.table_writes == []
    update(alice, job, resources={})
    tick(alice)
    assert sync_of(alice, job)["state"] == "synced"
    assert listed(cluster, alice).keys() == {"jaffle-nightly", "jaffle-other"}


def test_a_missing_namespace_is_reported(alice: Person, jaffle: Project, embedded_cluster: EmbeddedCluster) -> None:
    assert embedded_cluster.url
    job = create(alice, jaffle)
    tick(alice)
    assert sync_of(alice, job)["state"] == "error"
    assert f'namespaces "{alice.organization_id}" not found' in sync_of(alice, job)["message"]


def test_a_refusal_hides_the_services_name_in_the_cluster(alice: Person, jaffle: Project, calls: Calls) -> None:
    job = create(alice, jaffle)
    message = (
        'cronjobs.batch "x" is forbidden: User "arn:aws:sts::1:assumed-role/sync" cannot create resource "cronjobs"'
    )
    calls.answer = lambda request: status(403, "Forbidden", message) if request.startswith("POST") else None
    tick(alice)
    assert sync_of(alice, job)["message"].endswith('this service cannot create resource "cronjobs"')


def test_a_cluster_that_is_down_is_tried_again_and_says_nothing_untrue(
    alice: Person, jaffle: Project, calls: Calls
) -> None:
    old = create(alice, jaffle)
    tick(alice)
    before = sync_of(alice, old)
    new = create(alice, jaffle, name="new")
    calls.answer = lambda _: status(503, "ServiceUnavailable", "down")
    with pytest.raises(ClusterUnavailable):
        tick(alice)
    assert sync_of(alice, old) == before
    assert sync_of(alice, new) == {"state": "pending"}
    calls.answer = lambda _: None
    tick(alice)
    assert sync_of(alice, new)["state"] == "synced"


def test_an_object_that_fails_the_api_server_delays_no_other(
    alice: Person, jaffle: Project, cluster: Cluster, calls: Calls
) -> None:
    for name in ("one", "two", "three"):
        create(alice, jaffle, name=name)
    failing = iter([status(500, "InternalError", "webhook timed out")])
    calls.answer = lambda request: next(failing, None) if request.startswith("POST") else None
    with pytest.raises(ClusterUnavailable):
        tick(alice)
    assert len(listed(cluster, alice)) == 2


def test_a_cluster_that_went_away_is_not_asked_a_thousand_times(alice: Person, jaffle: Project, calls: Calls) -> None:
    for number in range(6):
        create(alice, jaffle, name=f"job {number}")
    calls.answer = lambda request: status(503, "", "down") if request.startswith("POST") else None
    with pytest.raises(ClusterUnavailable):
        tick(alice)
    assert len(calls.cluster_writes) == 3


def once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, happens: Callable[[], object], *, after: bool) -> None:
    """Let something happen right before or after the first call of a method."""
    original = getattr(owner, name)
    pending = [happens]

    def call(*arguments: Any, **named: Any) -> Any:
        if pending and not after:
            pending.pop()()
        result = original(*arguments, **named)
        if pending and after:
            pending.pop()()
        return result

    monkeypatch.setattr(owner, name, call)


def stored_job(job: dict[str, Any], person: Person) -> Job:
    return store.get_job(person.organization_id, job["project_id"], job["id"])[1]


def test_a_sync_that_read_too_early_does_not_bring_the_old_version_back(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(alice, jaffle)
    tick(alice)

    def somebody_changes_it() -> None:
        update(alice, job, schedule="@weekly")
        job_changed(jaffle, job)

    once(monkeypatch, store, "list_jobs", somebody_changes_it, after=True)
    project_changed(jaffle)
    assert listed(cluster, alice)["jaffle-nightly"]["spec"]["schedule"] == "@weekly"
    assert sync_of(alice, job)["state"] == "synced"


def test_a_job_that_is_created_during_a_tick_is_not_taken_for_an_orphan(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(alice, jaffle, name="old")

    def somebody_creates_another() -> None:
        job_changed(jaffle, create(alice, jaffle))

    once(monkeypatch, store, "list_jobs", somebody_creates_another, after=True)
    monkeypatch.setattr(Cluster, "delete_cronjob", lambda *_: pytest.fail("it was taken for an orphan"))
    tick(alice)
    assert listed(cluster, alice).keys() == {"jaffle-old", "jaffle-nightly"}


def test_a_job_that_is_deleted_while_its_cronjob_is_created_leaves_none_behind(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(alice, jaffle)
    once(monkeypatch, Cluster, "create_cronjob", lambda: delete(alice, job), after=True)
    job_changed(jaffle, job)
    assert listed(cluster, alice) == {}


def test_a_job_that_changed_while_it_was_synced_is_synced_again_at_once(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(alice, jaffle)
    once(monkeypatch, Cluster, "create_cronjob", lambda: update(alice, job, schedule="@weekly"), after=True)
    job_changed(jaffle, job)
    assert listed(cluster, alice)["jaffle-nightly"]["spec"]["schedule"] == "@weekly"
    assert sync_of(alice, job)["state"] == "synced"


def test_a_cronjob_that_fired_between_list_and_write_is_read_again(
    alice: Person, jaffle: Project, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(alice, jaffle)
    tick(alice)
    update(alice, job, schedule="@weekly")

    once(monkeypatch, Cluster, "replace_cronjob", lambda: fire(cluster, alice, "jaffle-nightly"), after=False)
    job_changed(jaffle, job)
    assert listed(cluster, alice)["jaffle-nightly"]["spec"]["schedule"] == "@weekly"


def test_two_syncs_that_create_the_same_cronjob_make_it_once(
    alice: Person, jaffle: Project, cluster: Cluster, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(alice, jaffle)
    once(monkeypatch, Cluster, "create_cronjob", lambda: job_changed(jaffle, job), after=False)
    job_changed(jaffle, job)
    assert len([call for call in calls.cluster_writes if call.endswith("/cronjobs")]) == 2
    assert listed(cluster, alice).keys() == {"jaffle-nightly"}
    assert sync_of(alice, job)["state"] == "synced"


def test_a_name_that_a_deleted_job_left_taken_is_freed_for_the_next(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    first = create(alice, jaffle)
    job_changed(jaffle, first)
    delete(alice, first)
    second = create(alice, jaffle)
    job_changed(jaffle, second)
    assert listed(cluster, alice)["jaffle-nightly"]["metadata"]["labels"][JOB_ID] == second["id"]
    assert sync_of(alice, second)["state"] == "synced"


def test_after_a_restore_versions_that_the_tables_do_not_have_are_replaced(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    job = create(alice, jaffle)
    tick(alice)
    live = listed(cluster, alice)["jaffle-nightly"]
    live["metadata"]["annotations"][JOB_VERSION] = "99"
    live["spec"]["schedule"] = "@weekly"
    cluster.replace_cronjob({**live, "kind": "CronJob", "apiVersion": "batch/v1"})
    tick(alice)
    restored = listed(cluster, alice)["jaffle-nightly"]
    assert restored["spec"]["schedule"] == "0 2 * * *"
    assert restored["metadata"]["annotations"][JOB_VERSION] == str(stored_job(job, alice).version)


def test_a_sync_lists_no_cronjobs_of_another_organization(
    alice: Person, charlie: Person, jaffle: Project, cluster: Cluster, calls: Calls
) -> None:
    create(alice, jaffle)
    tick(alice)
    calls.clear()
    tick(charlie)
    assert calls.cluster == [f"GET /apis/batch/v1/namespaces/{charlie.organization_id}/cronjobs"]
    assert listed(cluster, alice).keys() == {"jaffle-nightly"}


def test_the_synced_time_is_that_of_the_change_and_not_of_the_last_sync(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    job = create(alice, jaffle)
    tick(alice)
    first = stored_job(job, alice).synced
    assert first
    assert first.synced_at > NOON
    live = listed(cluster, alice)["jaffle-nightly"]
    cluster.replace_cronjob(
        {**live, "kind": "CronJob", "apiVersion": "batch/v1", "spec": {**live["spec"], "suspend": True}}
    )
    tick(alice)
    assert listed(cluster, alice)["jaffle-nightly"]["spec"]["suspend"] is False
    again = stored_job(job, alice).synced
    assert again
    assert (again.synced_at, again.in_force_at) == (first.synced_at, first.in_force_at)
    assert again.resumed_at
