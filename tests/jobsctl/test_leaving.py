"""An organization leaves its cluster, by a move or a deletion: no CronJob remains that would fire on."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import botocore.session
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from typer.testing import CliRunner

from functions.restore_pulses import app as restore_pulses
from jobs_api import store
from jobs_api.admin import projects
from jobs_api.auth import tokens
from jobs_api.errors import Conflict, NotFound
from jobs_api.ids import new_id
from jobs_api.k8s import labels
from jobs_api.logs import archive
from jobs_api.model.alert_targets import Event
from jobs_api.model.commands import ProjectType
from jobs_api.model.delivery import new_delivery
from jobs_api.model.organization import Organization, Role
from jobs_api.model.run import RunStatus
from jobs_api.notifications.slack.bot_token import store_bot_token
from jobs_api.pulse import queue
from jobs_api.store import deliveries
from jobs_api.store.audit_rows import AuditRow
from jobs_api.store.organization_rows import OrganizationRow
from jobsctl import leaving, operations
from jobsctl.__main__ import app
from jobsctl.leaving import LAST_EVENT, UNDER_WAY
from tests.calls_to_aws import Call, intercept_aws
from tests.functions import passes
from tests.functions.acme import Acme
from tests.functions.people import Context, new_project
from tests.functions.test_runs import a_run
from tests.functions.test_trigger_job import kubernetes_jobs
from tests.notifications.notification_world import new_job, new_run

CONTEXT = cast("LambdaContext", Context())
SECOND = timedelta(seconds=1)
# Where a run has files besides its log.
FILES_OF_RUNS = ("parts", "artifacts", "downloads")


@dataclass
class Leaver:
    """Somebody who takes an organization out of its cluster, and began so long ago that only facts hold them up."""

    acme: Acme
    now: datetime = field(default_factory=lambda: datetime.now(UTC) - UNDER_WAY - SECOND)

    @property
    def organization(self) -> Organization:
        return store.get_organization(self.acme.organization.id)

    def delete(self, **how: bool) -> str | None:
        return leaving.delete(self.acme.organization.id, self.now, **how)

    def move(self, cluster: str | None, **how: bool) -> str | None:
        return leaving.move(self.acme.organization.id, cluster, self.now, **how)

    def deploy(self, *, deployed: bool) -> None:
        operations.change_project(self.acme.organization.id, self.acme.project.id, {"deployed": deployed})

    def pass_time(self) -> None:
        """Let what was under way end."""
        self.now = datetime.now(UTC)

    def tick(self) -> None:
        """Let the service look at the organization."""
        passes.sync(self.acme.organization.id)
        passes.ingest(self.acme.organization.id)

    def cronjobs(self) -> list[str]:
        selector = labels.selector({labels.ORGANIZATION: self.acme.organization.id})
        pages = self.acme.cluster.list_cronjobs(self.acme.organization.namespace, selector)
        return [cronjob["metadata"]["name"] for page in pages for cronjob in page]


@pytest.fixture
def leaver(acme: Acme) -> Leaver:
    leaver = Leaver(acme)
    leaver.tick()
    assert leaver.cronjobs() == ["jaffle-nightly"]
    return leaver


def test_a_move_waits_for_what_its_tables_do_not_know_and_says_so(leaver: Leaver) -> None:
    acme = leaver.acme
    leaver.deploy(deployed=False)
    (cronjob,) = (one for page in acme.cluster.list_cronjobs(acme.organization.id, labels.selector()) for one in page)
    cronjob["metadata"]["labels"][labels.JOB_ID] = cronjob["metadata"]["labels"][labels.PROJECT_ID] = "unknown"
    acme.cluster.replace_cronjob({**cronjob, "apiVersion": "batch/v1", "kind": "CronJob"})
    leaver.move("other")
    leaver.pass_time()

    leaver.tick()
    assert "they cannot explain 1 of its CronJobs" in str(leaver.move("other"))

    operations.confirm_removals(acme.organization.id, at_most=1)
    leaver.tick()
    assert leaver.move("other") is None
    assert leaver.cronjobs() == []


def test_nothing_is_cleared_while_there_may_be_cronjobs_without_a_mark(leaver: Leaver) -> None:
    row = OrganizationRow("organizations", leaver.acme.organization.id)
    row.update(actions=[OrganizationRow.marked_at.remove()])
    leaver.deploy(deployed=False)
    leaver.move("other")
    leaver.pass_time()
    passes.ingest(leaver.acme.organization.id)

    assert leaver.organization.cleared_at is None


def test_deleting_an_organization_deletes_everything_of_it(leaver: Leaver) -> None:
    acme = leaver.acme
    text, _ = operations.create_token(acme.organization.id, Role.DEVELOPER, days=None)
    store_bot_token(acme.organization.id, "xoxb-acme")
    acme.finish("echo hello")
    leaver.tick()
    run = acme.only_run()
    delivery = new_delivery(_told(acme), Event.FAILURE, "slack", leaver.now, timedelta(days=1))
    assert deliveries.create(delivery)

    assert "earlier requests and syncs to end" in str(leaver.delete())
    assert not _is_good(text)
    assert acme.alice.call("GET", f"/api/v1/projects/{acme.project.id}/jobs").status == 404

    leaver.pass_time()
    assert "its CronJobs to be removed" in str(leaver.delete())
    leaver.tick()
    assert leaver.cronjobs() == []
    assert "the last events" in str(leaver.delete())

    leaver.now += LAST_EVENT
    assert leaver.delete() is None
    with pytest.raises(NotFound):
        leaver.delete()
    assert acme.runs() == []
    assert _logs(acme.organization.id) == []
    assert deliveries.find(delivery.id) is None
    assert acme.alice.call("GET", f"/api/v1/runs/{run.id}").status == 404
    assert store.list_tokens(acme.organization.id) == []
    assert store.past_projects(acme.organization.id) == []
    assert _slack_tokens(acme.organization.id) == []
    assert list(AuditRow.by_organization.query(acme.organization.id)) == []


def test_a_deletion_waits_for_open_runs(leaver: Leaver) -> None:
    job = leaver.acme.start("sleep 60")
    leaver.acme.wait_for_pod(job)
    leaver.delete()
    leaver.pass_time()
    leaver.tick()

    assert leaver.delete() == "1 runs to end"

    leaver.acme.delete(job)
    leaver.acme.skipped = timedelta(minutes=3)
    leaver.acme.ingest()
    assert "the last events" in str(leaver.delete())


def test_a_cronjob_that_came_late_holds_it_up(leaver: Leaver) -> None:
    leaver.delete()
    leaver.pass_time()

    passes.ingest(leaver.acme.organization.id)

    assert leaver.cronjobs() == ["jaffle-nightly"]
    assert "its CronJobs to be removed" in str(leaver.delete())


def test_no_pass_reads_an_organization_that_is_being_deleted(leaver: Leaver, monkeypatch: pytest.MonkeyPatch) -> None:
    ticked: list[str] = []
    monkeypatch.setattr(queue, "ask_for_all", lambda ids, _: ticked.extend(ids))
    leaver.delete()
    restore_pulses.lambda_handler({}, CONTEXT)
    assert leaver.acme.organization.id in ticked
    ticked.clear()
    leaver.pass_time()
    leaver.tick()
    leaver.delete()

    restore_pulses.lambda_handler({}, CONTEXT)

    assert leaver.acme.organization.id not in ticked


def test_nothing_is_created_in_an_organization_that_is_being_deleted(leaver: Leaver) -> None:
    leaver.delete()

    with pytest.raises(Conflict, match="being deleted"):
        operations.create_token(leaver.acme.organization.id, Role.DEVELOPER, days=None)
    with pytest.raises(Conflict, match="being deleted"):
        operations.create_project(leaver.acme.organization.id, {})
    with pytest.raises(Conflict, match="being deleted"):
        leaver.move("blue")


def test_a_cluster_that_no_longer_exists_delays_no_deletion(leaver: Leaver) -> None:
    leaver.acme.triggered()

    assert "the last events" in str(leaver.delete(abandon=True))


def test_deleting_an_organization_leaves_the_others_alone(leaver: Leaver) -> None:
    neighbour = Organization(id=f"{leaver.acme.organization.id}-2", name="next door", created_at=leaver.now)
    store.create_organization(neighbour)
    project = new_project(neighbour.id, "jaffle", ProjectType.DBT)
    run = a_run(project, leaver.now, status=RunStatus.SUCCESS, end_time=leaver.now)
    archive.store_log(run, [b"theirs"])
    for organization_id in (neighbour.id, leaver.acme.organization.id):
        _store_files_of_runs(organization_id)
    leaver.delete(abandon=True)
    leaver.now += LAST_EVENT

    assert leaver.delete() is None

    assert store.get_run(neighbour.id, run.id) == run
    assert len(_logs(neighbour.id)) == 1
    assert [len(_files_of_runs(one)) for one in (neighbour.id, leaver.acme.organization.id)] == [3, 0]
    assert [found.id for found in store.list_projects(neighbour.id)] == [project.id]


# The call is killed after each number of writes that it makes here; with one more it is not killed.
@pytest.mark.parametrize("after", range(18))
def test_a_deletion_that_is_interrupted_anywhere_continues(
    leaver: Leaver, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = leaver.acme
    operations.create_token(acme.organization.id, Role.DEVELOPER, days=None)
    store_bot_token(acme.organization.id, "xoxb-acme")
    run = a_run(acme.project, leaver.now, status=RunStatus.SUCCESS, end_time=leaver.now)
    archive.store_log(run, [b"hello"])

    def all_of_it() -> None:
        leaver.delete(abandon=True)
        leaver.now += LAST_EVENT
        leaver.delete()

    with monkeypatch.context() as patch:
        _cut_off(patch, after)
        with pytest.raises(_CutOff):
            all_of_it()

    with pytest.raises(NotFound):
        _for_ever(all_of_it)
    assert acme.runs() == []
    assert _logs(acme.organization.id) == []
    assert store.list_tokens(acme.organization.id) == []
    assert store.past_projects(acme.organization.id) == []
    assert store.list_projects(acme.organization.id) == []


def test_an_organization_moves_once_nothing_of_it_is_left(leaver: Leaver) -> None:
    with pytest.raises(Conflict, match="undeploy its projects first"):
        leaver.move("blue")
    leaver.deploy(deployed=False)
    assert "earlier requests and syncs to end" in str(leaver.move("blue"))
    with pytest.raises(Conflict, match="leaving its cluster"):
        leaver.deploy(deployed=True)
    leaver.pass_time()
    assert "its CronJobs to be removed" in str(leaver.move("blue"))
    assert leaver.organization.cluster is None

    leaver.tick()

    assert leaver.move("blue") is None
    moved = leaver.organization
    assert (moved.cluster, moved.leaving_at) == ("blue", None)
    assert leaver.move("blue") is None


def test_a_project_is_not_deployed_while_caches_have_the_old_cluster(leaver: Leaver) -> None:
    leaver.deploy(deployed=False)
    leaver.now = datetime.now(UTC)
    leaver.move("blue", abandon=True)

    with pytest.raises(Conflict, match="may still use the old cluster until"):
        leaver.deploy(deployed=True)

    store.move_organization(leaver.acme.organization.id, "blue", leaver.now - projects.FORGOTTEN)
    leaver.deploy(deployed=True)


def test_moving_back_before_a_move_is_complete_cancels_it(leaver: Leaver) -> None:
    leaver.deploy(deployed=False)
    leaver.move("blue")

    assert leaver.move(None) is None

    assert (leaver.organization.cluster, leaver.organization.leaving_at) == (None, None)


def test_an_organization_leaves_a_cluster_that_is_lost_at_once(leaver: Leaver) -> None:
    assert leaver.move("blue", abandon=True) is None

    assert leaver.organization.cluster == "blue"


def test_a_deletion_asks_first_and_says_what_it_waits_for(leaver: Leaver) -> None:
    words = ["organization", "delete", leaver.acme.organization.id]

    refused = CliRunner().invoke(app, words, input="n\n")
    assert refused.exit_code == 1
    assert not leaver.organization.closed

    begun = CliRunner().invoke(app, [*words, "--yes", "--no-wait"])
    assert "run this again later; it waits for earlier requests and syncs to end" in str(begun.exception)
    assert leaver.organization.closed


def test_a_deletion_waits_until_it_is_done(leaver: Leaver, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str | None] = ["two runs to end", "two runs to end", None]
    slept: list[float] = []
    monkeypatch.setattr(leaving, "delete", lambda *_, **__: steps.pop(0))
    monkeypatch.setattr("time.sleep", slept.append)

    done = CliRunner().invoke(app, ["organization", "delete", leaver.acme.organization.id, "--yes"])

    assert done.exit_code == 0
    assert done.stderr == "waiting for two runs to end\n"
    assert len(slept) == 2


class _CutOff(BaseException):
    """The command's process is gone."""


def _cut_off(patch: pytest.MonkeyPatch, after: int) -> None:
    """Let so many writes to AWS pass, and none after that."""
    left = [after]

    def answer(call: Call) -> Any:
        if call.writes:
            if left[0] == 0:
                raise _CutOff
            left[0] -= 1
        return call.make()

    intercept_aws(patch, answer)


def _for_ever(do: Callable[[], None]) -> None:
    while True:
        do()


def _told(acme: Acme) -> Any:
    job, _ = new_job(acme.project, name=new_id("j-"), slack_channel="#data", slack_alerts_enabled=True)
    return new_run(job, acme.project, RunStatus.FAILED, datetime.now(UTC))


def _is_good(token: str) -> bool:
    return tokens.authenticate(f"Bearer {token}", store.find_token, datetime.now(UTC)) is not None


def _logs(organization_id: str) -> list[str]:
    return _stored(f"logs/{organization_id}/")


def _files_of_runs(organization_id: str) -> list[str]:
    return [key for kind in FILES_OF_RUNS for key in _stored(f"{kind}/{organization_id}/")]


def _stored(prefix: str) -> list[str]:
    s3: Any = botocore.session.get_session().create_client("s3")
    found = s3.list_objects_v2(Bucket=os.environ["LOGS_BUCKET"], Prefix=prefix)
    return [stored["Key"] for stored in found.get("Contents", [])]


def _store_files_of_runs(organization_id: str) -> None:
    s3: Any = botocore.session.get_session().create_client("s3")
    for kind in FILES_OF_RUNS:
        key = f"{kind}/{organization_id}/proj_x/run_x/a_file"
        s3.put_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, Body=b"{}")


def _slack_tokens(organization_id: str) -> list[str]:
    client: Any = botocore.session.get_session().create_client("secretsmanager")
    found = client.list_secrets(Filters=[{"Key": "name", "Values": [os.environ["SLACK_SECRETS"] + organization_id]}])
    return [secret["Name"] for secret in found["SecretList"]]


def test_waiting_runs_are_cancelled_and_delay_no_deletion(leaver: Leaver) -> None:
    acme, now = leaver.acme, leaver.acme.now()
    follower = new_job(acme.project, "docs")[0]
    acme.triggered(job_name="unlaunched")
    acme.triggered(job_name="waits", waits=True)
    acme.triggered(job_name="attempt", attempt=2, retry_of="run_1", launch_after=now + timedelta(hours=1))
    acme.triggered(job_name="seed", launch=None, status=RunStatus.SUCCESS, end_time=now, followers_left=[follower.id])

    leaver.delete()

    waited = {run.job_name: run for run in acme.runs() if run.status is not RunStatus.SUCCESS}
    assert {run.status for run in waited.values()} == {RunStatus.CANCELLED}
    assert {run.cancel_reason for run in waited.values()} == {"the organization is deleted"}
    leaver.pass_time()
    leaver.tick()
    assert "the last events" in str(leaver.delete())
    assert len(acme.runs()) == 4
    assert kubernetes_jobs(acme) == []

    leaver.now += LAST_EVENT
    assert leaver.delete() is None
    assert acme.runs() == []
