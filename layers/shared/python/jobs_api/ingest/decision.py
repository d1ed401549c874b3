"""Decides what becomes of a run, given what the cluster shows. Facts in, decision out; `job_ingest` acts on it.

The same facts lead to the same run, also when they are seen twice, late or in another order: its id is the Job's, its
status only moves forward, and an end is final.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from jobs_api.ingest import cancelled_end, giving_up, run_moves
from jobs_api.k8s import pod_status
from jobs_api.k8s.cancelling import Ending, ending_of
from jobs_api.k8s.containers import ORDINARY
from jobs_api.k8s.job_status import Outcome, outcome
from jobs_api.k8s.job_stop import Stop, cancelled, end_of
from jobs_api.k8s.observed import Observed
from jobs_api.k8s.pod_failures import Cause
from jobs_api.model.run import LONGEST_OPEN, Run, RunStatus

_PROGRESS: Final = (RunStatus.PENDING, RunStatus.RUNNING)
# A Pod whose node has its image starts within this time, before the next pass. The run of a Job that is as new as this
# is not written as pending, because each write of a run to its table and its indexes costs as much as a pass.
STARTS_WITHIN: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Decision:
    """The steps for a run, in this order: end its Pod, stop its Job, store its log, write the run, end its Job.

    A run that is seen for the first time is written before its log is stored. A Job that ends with its run ends last,
    because its Pod is deleted with it. `quotes` names another container, whose log says why the command never ran.
    `too_new`: the next pass decides, which will probably see the command running.
    """

    run: Run | None = None
    wants_log: bool = False
    stop: Stop | None = None
    quotes: str | None = None
    ends_job: bool = False
    ends_pod: bool = False
    too_new: bool = False


NO_CHANGE = Decision()


def is_forgotten(observed: Observed, kept: timedelta, now: datetime) -> bool:
    """Return whether a Job's run was removed because of its age, and must not come back: its TTL is missing.

    Args:
        observed: the Job.
        kept: how long a run is kept after its end.
        now: aware.
    """
    return observed.created_at is not None and observed.created_at + LONGEST_OPEN + kept <= now


def is_accounted_for(observed: Observed, run: Run | None, kept: timedelta, now: datetime) -> bool:
    """Return whether the tables need nothing more of a Job: its run has ended, is another Job's, or is too old to keep.

    Args:
        observed: only the metadata of the Job are needed.
        run: as stored, None where there is none.
        kept: how long a run is kept after its end.
        now: aware.
    """
    if run is None:
        return is_forgotten(observed, kept, now)
    return run.status.ended or not observed.is_of(run)


def wants_pod(observed: Observed, run: Run | None, now: datetime) -> bool:
    """Return whether the Job's Pod may say something that its run does not have yet."""
    if run is None or run.status is RunStatus.PENDING or observed.finished or run.is_to_be_cancelled:
        return run is None or not run.status.ended
    return not run.status.ended and (not observed.ready or giving_up.has_outlived(observed, now))


def decide(observed: Observed, run: Run | None, organization_id: str, now: datetime) -> Decision:
    """Decide what becomes of the run of a Job.

    Args:
        observed: the Job, with its Pod where `wants_pod` said so, and with the Events of the object that
            `giving_up.wants_events_of` names.
        run: as stored, None where there is none.
        organization_id: in whose namespace the Job was found.
        now: aware.
    """
    known = run or run_moves.new_run(observed, organization_id, now)
    if not observed.is_of(known):
        return NO_CHANGE
    if known.status.ended:
        return _ended_before_its_job(observed, known)
    seen = cancelled_end.judged(outcome(observed, now=now), known)
    going = not observed.finished and not seen.status.ended
    if going and known.is_to_be_cancelled:
        return _cancelling(observed, run, known, seen, now)
    if going and (cause := giving_up.why_hopeless(observed, known, now)):
        return _given_up(cause, observed, known, now)
    if going and giving_up.has_outlived(observed, now):
        return _outlived(observed, known, seen, now)
    if giving_up.never_ran(seen, known):
        cause = giving_up.why_never_ran(observed)
        seen = replace(seen, reason=cause.reason, message=cause.message)
    return _progressed(observed, seen, run, known, now)


def _progressed(observed: Observed, seen: Outcome, run: Run | None, known: Run, now: datetime) -> Decision:
    """Move a run to the state in which it was seen, if that is a later one."""
    if seen.status.ended:
        ran = seen.has_run or RunStatus.SUCCESS is seen.status or RunStatus.RUNNING is known.status
        failed_init = pod_status.failed_init(observed.pod) if observed.pod else None
        return Decision(
            run_moves.ended(known, seen, observed, now),
            wants_log=ran,
            quotes=failed_init.name if failed_init and seen.status is not RunStatus.CANCELLED else None,
            ends_job=not observed.finished,
        )
    if run is None and seen.status is RunStatus.PENDING and _is_new(observed, now):
        return Decision(too_new=True)
    if run is None or _PROGRESS.index(seen.status) > _PROGRESS.index(known.status):
        return Decision(run_moves.moved(known, seen, observed, now))
    return NO_CHANGE


def _is_new(observed: Observed, now: datetime) -> bool:
    """Return whether a Job was made a moment ago, and its Pod has been made and is starting.

    A Job without a Pod may never get one: a quota or an admission webhook may refuse it. Neither does a suspended Job.
    The next pass would not see them run either. Never where the cluster's clock is ahead.
    """
    made_at = observed.created_at
    if observed.suspended or made_at is None or not made_at <= now < made_at + STARTS_WITHIN:
        return False
    if observed.pod is None:
        return observed.active > 0
    waits = pod_status.waiting(observed.pod)
    return waits is None or waits.reason in ORDINARY


def _cancelling(observed: Observed, run: Run | None, known: Run, seen: Outcome, now: datetime) -> Decision:
    """End what a run has in the cluster that is to be cancelled; the run ends with it, or when its Pod has ended.

    1. A Pod on a node gets a deadline, and its end is awaited. 2. A Pod whose node does not report its end in time is
    given up. 3. Where no Pod is left that could say more, the run ends now, and its Job with it.
    """
    how, silent_since = ending_of(observed), cancelled_end.silent_since(observed, now)
    if silent_since is None and cancelled_end.awaits_end(observed, now):
        return replace(_progressed(observed, seen, run, known, now), ends_pod=how is Ending.POD)
    ran = seen.has_run or known.status is RunStatus.RUNNING
    message = cancelled_end.SILENT if silent_since else None if ran else cancelled_end.NOT_STARTED
    ended = Outcome(
        RunStatus.CANCELLED,
        has_run=seen.has_run,
        start_time=seen.start_time,
        end_time=silent_since or now,
        message=message,
        pod_name=seen.pod_name,
    )
    after = run_moves.ended(known, ended, observed, now)
    return Decision(after, wants_log=ran, stop=None if observed.stopped else cancelled(message))


def _given_up(cause: Cause, observed: Observed, run: Run, now: datetime) -> Decision:
    """End a run that cannot start, and its Job too: otherwise the Job might start after its run has ended."""
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
    after = replace(seen, status=RunStatus.ERROR, end_time=now, message=f"{message}; correct that, and run it again")
    ran = seen.has_run or run.status is RunStatus.RUNNING
    ended = run_moves.ended(run, after, observed, now)
    return Decision(ended, wants_log=ran, stop=Stop(f"{pod_status.DEADLINE}: {after.message}"))


def _ended_before_its_job(observed: Observed, run: Run) -> Decision:
    """End the Job of an ended run, where the process that ended the run died before it ended the Job."""
    going = not observed.finished and not observed.stopped
    return Decision(stop=stop_of(run)) if going else NO_CHANGE


def stop_of(run: Run) -> Stop:
    """Return how to end the Job of a run that has ended.

    Either its command had ended and a sidecar stayed; or the run was given up because it could not be launched or the
    cluster could not be reached, and the Job runs nevertheless; or it was cancelled while its Job was created.
    """
    if run.status is RunStatus.CANCELLED:
        return cancelled(run.message)
    return Stop(f"{pod_status.DEADLINE}: {run.error_message or 'the command had ended'}", end_of(run))
