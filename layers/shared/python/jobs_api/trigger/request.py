"""The request for a triggered run, and the run that is written for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import AfterValidator, Field, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from jobs_api.k8s import manifests
from jobs_api.model import lateness, names
from jobs_api.model.alert_targets import RunAlerts
from jobs_api.model.audit import AuditAction, StoredEntry, WrittenBy, entry
from jobs_api.model.commands import ProjectType, job_type, parse_command
from jobs_api.model.document import Absent, Document
from jobs_api.model.job import Job
from jobs_api.model.named_faults import check_named
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.trigger import own_environment

CAUSE_CHARACTERS: Final = 255
TRIGGERED: Final = "Run triggered successfully"
WAITS: Final = "Run accepted; it starts when the job's open runs have ended"
# In upper or lower case; it is stored in lower case.
GIT_SHA: Final = re.compile(r"[0-9a-fA-F]{7,64}")


def _check_git_sha(sha: str) -> str:
    if not GIT_SHA.fullmatch(sha):
        raise ValueError("must be a commit's hash, 7 to 64 digits from 0 to 9 and a to f, such as 1f0a9c3")
    return sha.lower()


def _context(info: ValidationInfo) -> tuple[Project, Job]:
    return cast("tuple[Project, Job]", info.context)


class TriggerRequest(Document):
    """The fields that a trigger may change for one run; validate with `of`."""

    command_override: Absent[Annotated[str, Field(strict=True, max_length=4096)]] = None
    environment: Absent[dict[str, str]] = None
    cause: Absent[Annotated[str, Field(strict=True, max_length=CAUSE_CHARACTERS)]] = None
    git_sha: Absent[Annotated[str, Field(strict=True), AfterValidator(_check_git_sha)]] = None
    on_overlap: Absent[Literal["allow", "skip", "wait"]] = None

    @classmethod
    def of(cls, document: Mapping[str, Any], project: Project, job: Job) -> Self:
        """Validate a request for a run of this job; raises InvalidRequest."""
        environment = own_environment.sent(document.get("environment"), job)
        return cls.checked({**document, "environment": environment}, (project, job))

    @property
    def cause_and_commit(self) -> dict[str, str | None]:
        """The fields that only describe the run."""
        return {"cause": self.cause or None, "git_sha": self.git_sha}

    @field_validator("command_override")
    @classmethod
    def _fits_the_project(cls, command: str | None, info: ValidationInfo) -> str | None:
        if command is None:
            return None
        if _context(info)[0].settings.project_type is not ProjectType.DBT:
            raise ValueError("is for dbt projects only; change the job's command instead")
        parse_command(command, ProjectType.DBT)
        return command

    @field_validator("environment", mode="wrap")
    @classmethod
    def _may_be_added(cls, sent: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        project, job = _context(info)
        return check_named(sent, handler, lambda own: own_environment.faults(own, job, project)) or None


class TriggerAnswer(Document):
    """The answer that a run was accepted."""

    job_run_id: str
    job_name: str
    status: RunStatus
    message: str = TRIGGERED


@dataclass(frozen=True)
class RunStart:
    """How a run that the service starts begins.

    `at` is when that was decided. The run's Job may be created from `launch_after` on, None for at once.
    """

    run_id: str
    command: str
    triggered_by: TriggeredBy
    at: datetime
    launch_after: datetime | None = None


def manual_run(run_id: str, command: str, job: Job, project: Project, alerts: RunAlerts | None, by: WrittenBy) -> Run:
    """Return the run to write for a request, as `pending_run`."""
    run = pending_run(RunStart(run_id, command, TriggeredBy.MANUAL, by.at), job, project, alerts)
    return run.model_copy(update={"triggered_by_token": by.actor})


def pending_run(start: RunStart, job: Job, project: Project, alerts: RunAlerts | None) -> Run:
    """Return a run to write: pending, with the manifest of the Job that must be created for it.

    The job's environment must be sealed. The name of the Job has the time `launch_after`, or else `at`.
    """
    job_name = names.job_name(project.slug, job.slug, start.launch_after or start.at)
    launch = manifests.job(project, job, start.run_id, job_name, start.command, start.triggered_by)
    return Run(
        id=start.run_id,
        organization_id=project.organization_id,
        project_id=project.id,
        job_id=job.id,
        job_name=job_name,
        cronjob_name=job.cronjob_name,
        namespace=project.namespace,
        job_type=job_type(start.command),
        status=RunStatus.PENDING,
        triggered_by=start.triggered_by,
        command=start.command,
        created_at=start.at,
        updated_at=start.at,
        alerts=alerts,
        launch=launch,
        deadline_seconds=launch["spec"]["activeDeadlineSeconds"],
        launch_after=start.launch_after,
        sealed_environment=job.sealed_environment,
        **lateness.expected_of(job, None),
    )


def start_entry(run: Run, action: AuditAction, target: str, by: WrittenBy) -> StoredEntry:
    """Return the entry in the audit log of a request that started a run: one for each run."""
    return entry(
        by,
        action,
        run.organization_id,
        target,
        once=f"{action}#{run.id}",
        project_id=run.project_id,
        job_id=run.job_id,
        run_id=run.id,
    )


def trigger_entry(run: Run, by: WrittenBy) -> StoredEntry:
    """Return the entry of a trigger in the audit log; its target is the job."""
    return start_entry(run, AuditAction.JOB_TRIGGER, run.job_id, by)
