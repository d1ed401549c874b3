"""The run of a job that runs after others, and what keeps it from running. Facts in, decision out."""

from datetime import datetime

from jobs_api.ids import derived_id
from jobs_api.model.alert_targets import RunAlerts
from jobs_api.model.chains import SkipReason
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run, TriggeredBy
from jobs_api.trigger.request import RunStart, pending_run


def chained_run(completing: Run, job: Job, project: Project, alerts: RunAlerts | None, now: datetime) -> Run:
    """Return the run of a follower that the end of another run starts; for the two its id is always the same.

    The job's environment must be sealed.
    """
    run_id = derived_id("run_", completing.id, job.id)
    run = pending_run(RunStart(run_id, job.settings.command, TriggeredBy.CHAINED, now), job, project, alerts)
    return run.model_copy(update={"caused_by": completing.id})


def reason_to_skip(project: Project, job: Job | None, ended_at: datetime) -> SkipReason | None:
    """Return why a follower is not to run after a run that ended at a time; None where it is.

    `job` is None if it was deleted. A run that ended during a pause starts no follower, also if its end is counted once
    the pause is over.
    """
    if job is None:
        return SkipReason.DELETED
    if not job.settings.enabled:
        return SkipReason.DISABLED
    if not project.settings.deployed:
        return SkipReason.NOT_DEPLOYED
    if project.settings.suspended:
        return SkipReason.SUSPENDED
    return SkipReason.PAUSED if job.pause_at(project, ended_at) else None
