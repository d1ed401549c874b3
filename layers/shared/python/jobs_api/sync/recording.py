"""Records in a job what a sync found of its CronJob: the state, for which version, and since when it fires."""

from dataclasses import dataclass
from datetime import datetime

from jobs_api import store
from jobs_api.k8s.pod_template import Manifest
from jobs_api.model.job import wanted_version
from jobs_api.model.job_sync import SyncedVersion, SyncState
from jobs_api.sync import sync_messages
from jobs_api.sync.desired import Wanted
from jobs_api.sync.progress import SyncProgress
from jobs_api.sync.trial import Trial


@dataclass(frozen=True)
class SyncFinding:
    """The finding of a sync about a job's CronJob."""

    state: SyncState
    message: str | None = None
    # Whether it fires as it should, and whether this sync resumed it.
    in_place: bool = False
    resumed: bool = False
    # The fingerprint of a CronJob that is right.
    fingerprint: str | None = None


@dataclass(frozen=True)
class Recorder:
    """Records what one comparison finds."""

    now: datetime
    progress: SyncProgress
    trial: Trial

    def in_place(self, wanted: Wanted, live: str, *, resumed: bool = False, tried: Manifest | None = None) -> None:
        """Record that a job's CronJob is in place; for a new one also whether the cluster refuses its Pods.

        Args:
            wanted: the job.
            live: the fingerprint of its CronJob.
            resumed: whether this sync resumed it.
            tried: the manifest whose Pod the cluster is asked about.
        """
        refusal = self.trial.refusal(tried) if tried else None
        if refusal:
            message = sync_messages.of_refused_pods(refusal, has_cronjob=wanted[1].has_cronjob)
            self._record(wanted, SyncFinding(SyncState.ERROR, message, in_place=True, resumed=resumed))
        else:
            self._record(wanted, SyncFinding(SyncState.SYNCED, in_place=True, resumed=resumed, fingerprint=live))

    def error(self, wanted: Wanted, message: str) -> None:
        """Record why a job's CronJob is not as it should be."""
        self._record(wanted, SyncFinding(SyncState.ERROR, message))

    def _record(self, wanted: Wanted, found: SyncFinding) -> None:
        """Record the state of a job's CronJob, if that has changed."""
        project, job = wanted
        self.progress.count("failing", found.state is SyncState.ERROR)
        version, known = wanted_version(project, job), job.synced
        right_until = _right_until(wanted, self.now)
        found_before = known and (known.version, known.state, known.message, known.right_until)
        no_news = found_before == (version, found.state, found.message, right_until)
        if known and no_news and not found.resumed and known.fingerprint == found.fingerprint:
            return
        if not no_news:
            self.progress.count("noted")
        synced = SyncedVersion(
            version=version,
            state=found.state,
            message=found.message,
            synced_at=known.synced_at if known and no_news else self.now,
            in_force_at=_in_force_at(wanted, self.now, in_place=found.in_place),
            resumed_at=self.now if found.resumed else known and known.resumed_at,
            fingerprint=found.fingerprint,
            right_until=right_until,
        )
        # A resumed project has future slots that its jobs do not know yet.
        compared = job.model_copy(update={"synced": synced})
        if not store.record_sync(compared.replanned(project, self.now), synced):
            # The job was changed or deleted meanwhile, perhaps after its CronJob was created.
            self.progress.outdated = True


def _in_force_at(wanted: Wanted, now: datetime, *, in_place: bool) -> datetime | None:
    """Return since when the CronJob fires as the job says, None where it does not yet.

    Where the cluster rejects another change, the CronJob stays in place and fires as it should.
    """
    project, job = wanted
    if not job.has_cronjob:
        return None
    begins = job.fires_since(project)
    known = job.synced.in_force_at if job.synced else None
    if known and known >= begins:
        return known
    return now if in_place else None


def _right_until(wanted: Wanted, now: datetime) -> datetime | None:
    """Return when a CronJob that is suspended for a pause must fire again; None where no pause is in effect."""
    project, job = wanted
    pause = job.pause_at(project, now)
    return pause.until if pause and project.fires and job.firing else None


def had_error(wanted: Wanted) -> bool:
    """Return whether a job was not as it should be when it was last compared, for whatever reason."""
    return _is_recorded(wanted, SyncState.ERROR)


def was_synced(wanted: Wanted, now: datetime) -> bool:
    """Return whether a job's CronJob was already as it should be, so that somebody must have changed it."""
    synced = wanted[1].synced
    return _is_recorded(wanted, SyncState.SYNCED) and synced is not None and not synced.is_over(now)


def _is_recorded(wanted: Wanted, state: SyncState) -> bool:
    """Return whether the last comparison of a job found this state, with the present versions."""
    project, job = wanted
    synced = job.synced
    return bool(synced and synced.state is state and synced.version == wanted_version(project, job))
