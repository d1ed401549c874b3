"""Two deployments on one cluster, with one organization's id in both: neither sees, touches or shows the other's."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from subprocess import Popen
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from jobs_api import store
from jobs_api.cluster import Object
from jobs_api.ingest.missed_slot import cronjob_of
from jobs_api.k8s import labels, manifests
from jobs_api.store.organization_rows import OrganizationRow
from jobs_api.trigger.launch import launch
from local.cluster import EmbeddedCluster
from tests.functions import passes
from tests.functions.acme import Acme
from tests.functions.other_deployment import OtherDeployment, started
from tests.functions.test_restored_tables import jobs_path, sync

YEARLY = {"name": "yearly", "command": "dbt build", "schedule": "0 0 1 1 *"}
EVERYTHING = "app.kubernetes.io/managed-by=jobs-api"


@pytest.fixture(scope="module")
def process(embedded_cluster: EmbeddedCluster) -> Iterator[Popen[str]]:
    with started("theirs", embedded_cluster.kubeconfig) as process:
        yield process


@pytest.fixture
def theirs(acme: Acme, process: Popen[str]) -> OtherDeployment:
    return OtherDeployment(process, acme.organization.id)


@pytest.fixture
def writes(embedded_cluster: EmbeddedCluster) -> Iterator[list[tuple[str, str]]]:
    """Note what anybody writes to the cluster from now on."""
    seen: list[tuple[str, str]] = []

    async def note(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        if scope["method"] != "GET":
            seen.append((scope["method"], scope["path"]))
        await app(scope, receive, send)

    assert embedded_cluster.faults
    embedded_cluster.faults.fault = note
    yield seen
    embedded_cluster.faults.fault = None


def event(acme: Acme, **ids: str) -> None:
    """Sync what a change is about, as its event has it done."""
    detail = {"organization_id": acme.organization.id, "project_id": acme.project.id, **ids}
    passes.sync(**detail)


def cronjobs(acme: Acme) -> dict[str, Object]:
    pages = acme.cluster.list_cronjobs(acme.organization.namespace, EVERYTHING)
    return {one["metadata"]["name"]: one for page in pages for one in page}


def a_job_of_theirs(theirs: OtherDeployment, project: str = "shop", **settings: Any) -> dict[str, Any]:
    project_id = theirs.do("project", project)
    answer = theirs.do("call", "POST", f"/projects/{project_id}/jobs", {**YEARLY, **settings})
    assert answer["status"] == 201, answer
    theirs.do("sync")
    job: dict[str, Any] = answer["json"]
    return job


def test_two_deployments_do_not_remove_or_replace_each_others_cronjobs(
    acme: Acme, theirs: OtherDeployment, writes: list[tuple[str, str]]
) -> None:
    sync(acme)
    a_job_of_theirs(theirs)
    before = cronjobs(acme)
    assert {name: one["metadata"]["labels"][labels.DEPLOYMENT] for name, one in before.items()} == {
        "jaffle-nightly": "jobs-api",
        "shop-yearly": "theirs",
    }
    writes.clear()

    for _ in range(5):
        sync(acme)
        theirs.do("sync")
        acme.ingest()
        theirs.do("ingest")

    assert writes == []
    assert cronjobs(acme) == before


def test_two_deployments_do_not_show_or_record_each_others_jobs(acme: Acme, theirs: OtherDeployment) -> None:
    run = acme.triggered()
    name = launch(acme.cluster, run)
    store.run_launched(run, name, acme.now())
    job = acme.wait_for_end(acme.cluster.get_job(acme.organization.namespace, name))

    for _ in range(2):
        theirs.do("ingest")
        acme.ingest()

    assert theirs.do("call", "GET", "/jobs")["json"] == {"jobs": [], "total": 0}
    assert theirs.do("call", "GET", f"/jobs/{name}")["status"] == 404
    assert theirs.do("call", "GET", f"/jobs/{name}/logs")["status"] == 404
    assert theirs.do("call", "GET", f"/runs/{run.id}")["status"] == 404
    assert [one["id"] for one in acme.alice.call("GET", "/api/v1/jobs").json["jobs"]] == [name]
    assert acme.log_of(acme.only_run()) == "hello\n"
    seen = acme.reread(job)["metadata"]["resourceVersion"]
    theirs.do("ingest")
    assert acme.reread(job)["metadata"]["resourceVersion"] == seen


def test_a_name_that_the_other_has_is_an_error_in_sync_and_no_takeover(acme: Acme, theirs: OtherDeployment) -> None:
    sync(acme)
    job = a_job_of_theirs(theirs, "jaffle", name="nightly")
    for _ in range(2):
        theirs.do("sync")
        sync(acme)

    shown = theirs.do("call", "GET", f"/projects/{job['project_id']}/jobs/{job['id']}")["json"]
    assert shown["sync"]["state"] == "error"
    assert "jaffle-nightly of another deployment of this service (jobs-api)" in shown["sync"]["message"]
    assert cronjobs(acme)["jaffle-nightly"]["metadata"]["labels"][labels.JOB_ID] == acme.job.id
    assert acme.alice.call("GET", jobs_path(acme, acme.job.id)).json["sync"]["state"] == "synced"


def test_deleting_all_that_one_has_leaves_the_others(acme: Acme, theirs: OtherDeployment) -> None:
    sync(acme)
    a_job_of_theirs(theirs)
    acme.alice.call("DELETE", jobs_path(acme, acme.job.id), at=acme.now())

    assert sync(acme) == {}

    assert list(cronjobs(acme)) == ["shop-yearly"]


def test_a_run_takes_another_name_where_the_other_deployment_has_its_own(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = acme.triggered()
    # As in tables that were copied from the other deployment: they have its runs too.
    with monkeypatch.context() as patch:
        patch.setenv("DEPLOYMENT", "theirs")
        others = acme.triggered(job_name=run.job_name)
    launched: Any = others.launch
    launched["metadata"]["labels"][labels.RUN_ID] = run.id
    acme.cluster.create_job(launched)

    name = launch(acme.cluster, run)

    assert name != run.job_name
    made = acme.cluster.get_job(run.namespace, name)["metadata"]["labels"]
    assert (made[labels.RUN_ID], made[labels.DEPLOYMENT]) == (run.id, "jobs-api")


def test_a_miss_is_explained_by_our_own_cronjob_alone(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = manifests.cronjob(acme.project, acme.job, acme.now())
    monkeypatch.setenv("DEPLOYMENT", "theirs")

    assert cronjob_of(manifests.cronjob(acme.project, acme.job, acme.now()), acme.job)
    assert cronjob_of(ours, acme.job) is None


def unmarked(found: Any) -> Any:
    """Take the mark from everything in an object, as a version before marks made it."""
    if isinstance(found, dict):
        return {name: unmarked(value) for name, value in found.items() if name != labels.DEPLOYMENT}
    return found


@pytest.fixture
def upgraded(acme: Acme) -> Callable[[], None]:
    """Return a function that removes an organization's deployment labels, as they are after an upgrade."""

    def take() -> None:
        for cronjob in cronjobs(acme).values():
            acme.cluster.replace_cronjob(unmarked({**cronjob, "apiVersion": "batch/v1", "kind": "CronJob"}))
        row = OrganizationRow("organizations", acme.organization.id)
        row.update(actions=[OrganizationRow.marked_at.remove()])
        acme.organization = store.get_organization(acme.organization.id)
        forget()

    return take


def forget() -> None:
    """Clear the caches, as in a new process."""
    store.organizations._recent.clear()


def test_an_upgrade_adopts_what_its_tables_know_and_nothing_else(
    acme: Acme, theirs: OtherDeployment, upgraded: Callable[[], None]
) -> None:
    sync(acme)
    a_job_of_theirs(theirs)
    before = cronjobs(acme)
    upgraded()
    assert not any(labels.DEPLOYMENT in one["metadata"]["labels"] for one in cronjobs(acme).values())

    sync(acme)

    found = cronjobs(acme)
    assert found["jaffle-nightly"]["metadata"]["labels"][labels.DEPLOYMENT] == "jobs-api"
    assert found["jaffle-nightly"]["metadata"]["uid"] == before["jaffle-nightly"]["metadata"]["uid"]
    assert labels.DEPLOYMENT not in found["shop-yearly"]["metadata"]["labels"]
    assert store.get_organization(acme.organization.id).marked_at

    theirs.do("sync")

    assert cronjobs(acme)["shop-yearly"]["metadata"]["labels"][labels.DEPLOYMENT] == "theirs"
    assert cronjobs(acme)["shop-yearly"]["metadata"]["uid"] == before["shop-yearly"]["metadata"]["uid"]


def test_an_upgrade_removes_what_was_deleted_before_and_is_known(acme: Acme, upgraded: Callable[[], None]) -> None:
    sync(acme)
    acme.alice.call("DELETE", jobs_path(acme, acme.job.id), at=acme.now())
    upgraded()

    sync(acme)

    assert cronjobs(acme) == {}


def test_a_rename_right_after_an_upgrade_leaves_one_cronjob_that_fires(
    acme: Acme, upgraded: Callable[[], None]
) -> None:
    sync(acme)
    upgraded()
    acme.alice.call("PUT", jobs_path(acme, acme.job.id), {"name": "hourly"}, at=acme.now())

    event(acme, job_id=acme.job.id)

    assert list(cronjobs(acme)) == ["jaffle-hourly"]


def test_a_job_deleted_right_after_an_upgrade_leaves_the_cluster_at_once(
    acme: Acme, upgraded: Callable[[], None]
) -> None:
    sync(acme)
    upgraded()
    acme.alice.call("DELETE", jobs_path(acme, acme.job.id), at=acme.now())

    event(acme, job_id=acme.job.id)

    assert cronjobs(acme) == {}


@pytest.mark.parametrize("change", ["rename", "delete"])
@pytest.mark.parametrize("by", ["event", "tick"])
def test_late_writes_of_the_older_version_keep_no_cronjob_firing(
    acme: Acme, upgraded: Callable[[], None], change: str, by: str
) -> None:
    sync(acme)
    upgraded()
    sync(acme)
    # A function of the older version still ran during this version's first sync, and wrote after it.
    (cronjob,) = cronjobs(acme).values()
    acme.cluster.replace_cronjob(unmarked({**cronjob, "apiVersion": "batch/v1", "kind": "CronJob"}))
    store.organizations._recent.clear()
    if change == "rename":
        acme.alice.call("PUT", jobs_path(acme, acme.job.id), {"name": "hourly"}, at=acme.now())
    else:
        acme.alice.call("DELETE", jobs_path(acme, acme.job.id), at=acme.now())

    if by == "event":
        event(acme, job_id=acme.job.id)
    else:
        sync(acme)

    assert list(cronjobs(acme)) == (["jaffle-hourly"] if change == "rename" else [])


def test_an_upgrade_leaves_what_its_tables_do_not_know_where_it_has_a_name_that_it_wants(
    acme: Acme, theirs: OtherDeployment, upgraded: Callable[[], None]
) -> None:
    a_job_of_theirs(theirs, "jaffle", name="nightly")
    before = cronjobs(acme)["jaffle-nightly"]["metadata"]
    upgraded()

    for _ in range(2):
        sync(acme)

    after = cronjobs(acme)["jaffle-nightly"]["metadata"]
    assert (after["uid"], labels.DEPLOYMENT in after["labels"]) == (before["uid"], False)
    assert "did not make" in acme.alice.call("GET", jobs_path(acme, acme.job.id)).json["sync"]["message"]


def test_an_upgrade_ingests_the_jobs_of_before_and_lists_them(
    acme: Acme, theirs: OtherDeployment, upgraded: Callable[[], None]
) -> None:
    upgraded()
    made = acme.cluster.create_job(unmarked(acme.manifest("echo before")))
    acme.wait_for_end(made)
    name = made["metadata"]["name"]

    theirs.do("ingest")
    assert labels.DEPLOYMENT not in acme.reread(made)["metadata"]["labels"]
    acme.ingest()

    assert acme.log_of(acme.only_run()) == "before\n"
    assert [one["id"] for one in acme.alice.call("GET", "/api/v1/jobs").json["jobs"]] == [name]
    assert theirs.do("call", "GET", "/jobs")["json"]["total"] == 0


def test_cronjobs_of_a_rolled_back_version_are_adopted_again(acme: Acme) -> None:
    sync(acme)
    (cronjob,) = cronjobs(acme).values()
    acme.cluster.replace_cronjob(unmarked({**cronjob, "apiVersion": "batch/v1", "kind": "CronJob"}))
    made = acme.cluster.create_job(unmarked(acme.manifest("echo between")))
    acme.wait_for_end(made)

    sync(acme)
    acme.organization = store.get_organization(acme.organization.id)
    acme.ingest()

    assert cronjobs(acme)["jaffle-nightly"]["metadata"]["labels"][labels.DEPLOYMENT] == "jobs-api"
    assert acme.log_of(acme.only_run()) == "between\n"


def test_tables_that_know_nothing_of_a_job_end_nothing_that_it_runs(acme: Acme) -> None:
    made = acme.manifest("echo hello", image="nonesuch")
    for found in (made["metadata"], made["spec"]["template"]["metadata"]):
        found["labels"] = {**found["labels"], labels.JOB_ID: "job_of_other_tables"}
    job = acme.cluster.create_job(made)
    acme.wait_for_pod(job, reason="ImagePullBackOff")
    for _ in range(2):
        acme.skipped += timedelta(minutes=5)
        acme.ingest()

    assert acme.reread(job)["spec"]["activeDeadlineSeconds"] == made["spec"]["activeDeadlineSeconds"]
