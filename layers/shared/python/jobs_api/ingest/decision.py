"""What becomes of a run, given what the cluster shows: facts in, decision out; `ingester` does what is decided.

Seen twice, late or in any order, the same facts lead to the same run: its id is the Job's, its status only moves
forward, and an end is final.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from jobs_api.ingest import giving_up, run_moves
from jobs_api.k8s import pod_status
from jobs_api.k8s.failure_reason import Cause
from jobs_api.k8s.job_status import Outcome, outcome
from jobs_api.k8s.job_stop import Stop, end_of
from jobs_api.k8s.observed import Observed
from jobs_api.model.run import LONGEST_OPEN, Run, RunStatus

_PROGRESS: Final = (RunStatus.PENDING, RunStatus.RUNNING)


@dataclass(frozen=True)
class Decision:
    """What to do about a run, in this order: stop its Job, store its pod's log, write the run, end its Job.

    Before the log of a run that was never seen is stored, it is written that there is such a run. A Job that is to end
    with its run takes its pod along, so it ends last; `quotes` names another container whose log says why nothing ran.
    """

    run: Run | None = None
    wants_log: bool = False
    stop: Stop | None = None
    quotes: str | None = None
    ends_job: bool = False


NO_CHANGE = Decision()


def is_forgotten(observed: Observed, kept: timedelta, now: datetime) -> bool:
    """Tell whether a Job's run was removed by its age, and is not to be made anew: somebody took the Job's TTL away.

    Args:
        observed: the Job.
        kept: how long runs are kept after their end.
        now: aware.
    """
    return observed.created_at is not None and observed.created_at + LONGEST_OPEN + kept <= now


def is_accounted_for(observed: Observed, run: Run | None, kept: timedelta, now: datetime) -> bool:
    """Tell whether the tables say how a Job's run ended, or need not: it is another Job's, or too old to be kept.

    Args:
        observed: what the Job's metadata say is enough.
        run: as it is stored, None where it is not.
        kept: how long runs are kept after their end.
        now: aware.
    """
    if run is None:
        return is_forgotten(observed, kept, now)
    return run.status.ended or not observed.is_of(run)


def wants_pod(observed: Observed, run: Run | None, now: datetime) -> bool:
    """Tell whether the Job's pod has something to say that its run does not know."""
    if run is None or run.status is RunStatus.PENDING or observed.finished:
        return run is None or not run.status.ended
    return not run.status.ended and (not observed.ready or giving_up.has_outlived(observed, now))


def decide(observed: Observed, run: Run | None, organization_id: str, now: datetime) -> Decision:
    """Decide over the run of a Job.

    Args:
        observed: the Job, with its pod where `wants_pod` said that it has something to tell, and with the Events of the
            object that `giving_up.wants_events_of` names.
        run: as it is stored, None where it is not.
        organization_id: whose namespace the Job was found in.
        now: aware.
    """
    known = run or run_moves.new_run(observed, organization_id, now)
    if not observed.is_of(known):
        return NO_CHANGE
    if known.status.ended:
        return _ended_before_its_job(observed, known)
    seen = outcome(observed, now=now)
    going = not observed.finished and not seen.status.ended
    if going and (cause := giving_up.why_hopeless(observed, known, now)):
        return _given_up(cause, observed, known, now)
    if going and giving_up.has_outlived(observed, now):
        return _outlived(observed, known, seen, now)
    if giving_up.never_ran(seen, known):
        cause = giving_up.why_never_ran(observed)
        seen = replace(seen, reason=cause.reason, message=cause.message)
    return _progressed(observed, seen, run, known, now)


def _progressed(observed: Observed, seen: Outcome, run: Run | None, known: Run, now: datetime) -> Decision:
    """Move a run on to what is seen of it, where that is further."""
    if seen.status.ended:
        ran = seen.has_run or RunStatus.SUCCESS is seen.status or RunStatus.RUNNING is known.status
        failed_init = pod_status.failed_init(observed.pod) if observed.pod else None
        return Decision(
            run_moves.ended(known, seen, observed, now),
            wants_log=ran,
            quotes=failed_init.name if failed_init else None,
            ends_job=not observed.finished,
        )
    if run is None or _PROGRESS.index(seen.status) > _PROGRESS.index(known.status):
        return Decision(run_moves.moved(known, seen, observed, now))
    return NO_CHANGE


def _given_up(cause: Cause, observed: Observed, run: Run, now: datetime) -> Decision:
    """End a run that cannot start, and its Job with it, so that it does not start later behind everybody's back."""
    seen = Outcome(
        cause.status,
        start_time=observed.started_at,
        end_time=now,
        message=cause.message,
        pod_name=(observed.pod.name or None) if observed.pod else None,
    )
    after = run_moves.ended(run, seen, observed, now)
    return Decision(after, stop=Stop(f"{cause.reason}: {cause.message}"))


def _outlived(observed: Observed, run: Run, seen: Outcome, now: datetime) -> Decision:
    """End a run that its deadline should have ended: its node may be lost, or somebody suspended its Job."""
    message = (
        "Its deadline passed long ago, and the cluster has not ended it: its node may be lost, or the Job suspended"
    )
    after = replace(seen, status=RunStatus.ERROR, end_time=now, message=f"{message}; see to it, and run it again")
    ran = seen.has_run or run.status is RunStatus.RUNNING
    ended = run_moves.ended(run, after, observed, now)
    return Decision(ended, wants_log=ran, stop=Stop(f"{pod_status.DEADLINE}: {after.message}"))


def _ended_before_its_job(observed: Observed, run: Run) -> Decision:
    """End the Job of a run that has ended, where whoever wrote that was cut off before."""
    going = not observed.finished and not observed.stopped
    return Decision(stop=stop_of(run)) if going else NO_CHANGE


def stop_of(run: Run) -> Stop:
    """Return how the Job of a run that has ended is ended too.

    Its command had ended, and a sidecar stayed; or nobody could launch it or reach the cluster, and it runs though.
    """
    return Stop(f"{pod_status.DEADLINE}: {run.error_message or 'the command had ended'}", end_of(run))
