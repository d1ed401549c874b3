"""The request to run again what a run has run, and the run that is written for it."""

from typing import Final, Literal

from pydantic import Field

from jobs_api.errors import Fault, InvalidRequest, NothingToRetry, ProjectNotDeployed
from jobs_api.model.alert_targets import RunAlerts
from jobs_api.model.audit import AuditAction, StoredEntry, WrittenBy
from jobs_api.model.commands import ProjectType
from jobs_api.model.document import Absent, Document
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run, TriggeredBy
from jobs_api.trigger import own_environment
from jobs_api.trigger.attempts import command_of
from jobs_api.trigger.dbt_retry import can_be_continued, continued_command
from jobs_api.trigger.request import RunStart, TriggerAnswer, pending_run, start_entry

RetryFrom = Literal["start", "failure"]

NO_ARTIFACTS: Final = "There are no artifacts of this run that dbt's retry could continue from; retry it from start"


class RetryRequest(Document):
    """Where a run begins again: at its `start`, or at what failed, which is dbt's `retry`."""

    begin_at: Absent[RetryFrom] = Field(default="start", alias="from")

    def check(self, project: Project, before: Run) -> None:
        """Raise what keeps a run of this project from being retried like this; from failure, that asks S3.

        Raises:
            InvalidRequest: SQLMesh has no such command.
            ProjectNotDeployed: nothing can run.
            NothingToRetry: the artifacts of the run that dbt needs are not stored, or its Pod would not get them.
        """
        if self.begin_at == "failure" and project.settings.project_type is not ProjectType.DBT:
            raise InvalidRequest([Fault("from", "failure is for dbt projects only; this project runs SQLMesh")])
        if not project.settings.deployed:
            raise ProjectNotDeployed("The project is not deployed, so nothing can run; deploy it first")
        if self.begin_at == "failure" and not (project.settings.artifacts and can_be_continued(before)):
            raise NothingToRetry(NO_ARTIFACTS)

    def command_for(self, before: Run, job: Job) -> str:
        """Return the command of the new run."""
        command = command_of(before, job)
        return continued_command(command) if self.begin_at == "failure" else command


class RetryAnswer(TriggerAnswer):
    """The answer that a run was accepted, which repeats another one."""

    retry_of: str


def requested_retry(
    run_id: str, request: RetryRequest, before: Run, job: Job, project: Project, alerts: RunAlerts | None, by: WrittenBy
) -> Run:
    """Return the run to write, as `pending_run`: what was asked for of `before`, on the job as it is now.

    It is no attempt of `before`, but may have attempts of its own.
    """
    own = own_environment.with_variables(job, before.environment or {})
    start = RunStart(run_id, request.command_for(before, job), TriggeredBy.RETRY, by.at)
    run = pending_run(start, own, project, alerts)
    variables = own_environment.values_to_repeat(before)
    return run.model_copy(update={**variables, "triggered_by_token": by.actor, "retry_of": before.id})


def retry_entry(run: Run, before: Run, by: WrittenBy) -> StoredEntry:
    """Return the entry of a retry in the audit log: its target is the run that is repeated, `run_id` the new one."""
    return start_entry(run, AuditAction.RUN_RETRY, before.id, by)
