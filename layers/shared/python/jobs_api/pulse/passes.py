"""The two passes over an organization, each with its figures: an ingest of its runs, and a sync of its CronJobs."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import cluster, store
from jobs_api.clock import Clock
from jobs_api.collecting.carried import Carried
from jobs_api.errors import ClusterError
from jobs_api.ingest import late_runs, log_collecting
from jobs_api.ingest.ingester import Incomplete, Pass
from jobs_api.ingest.leaving import record_if_cleared
from jobs_api.ingest.log_collecting import NO_FOLLOWERS, Followers
from jobs_api.ingest.out_of_reach import end_overdue, record_reached
from jobs_api.metrics import Metric, Tally, publish
from jobs_api.model.organization import Organization
from jobs_api.notifications import queue
from jobs_api.pulse.next_pulse import PassFacts
from jobs_api.sync import Scope, sync

# Each log takes some MiB of memory.
MOST_FOLLOWED: Final = 16

logger = Logger()
_ended_well: Final = Tally()


@dataclass(frozen=True)
class Ingested:
    """The findings of an ingest, and why it is to be repeated, if so."""

    facts: PassFacts
    error: ClusterError | Incomplete | None = None


def ingest_runs(
    organization: Organization, clock: Clock, followers: Followers = NO_FOLLOWERS, carried: Carried | None = None
) -> Ingested:
    """Update an organization's runs and their logs to what its cluster shows; send their notifications.

    Args:
        organization: whose runs.
        clock: gives aware times.
        followers: follow logs.
        carried: what came of logs with the pass's message; later it has what the next message is to carry.
    """
    carried = carried or Carried(organization.id)
    try:
        ingested = _ingest(organization, clock, followers, carried)
    except ClusterError as error:
        publish({Metric.CLUSTER_ERRORS: 1})
        logger.warning("the cluster was not reached", organization_id=organization.id, error=str(error))
        # The log texts that were read may be the last ones that anybody can read.
        carried.write_all()
        # Runs that wait too long for a cluster that is gone, or that denies access, end.
        now = clock()
        reached = record_reached(organization, now, reached=False)
        end_overdue(organization, now)
        late_from = late_runs.without_the_cluster(reached, now)
        ingested = Ingested(PassFacts(unreached_since=reached.outages[-1].since, due=late_from), error)
    finally:
        # Deliveries that this pass, an earlier pass that died, or other functions have made due.
        published = queue.try_to_publish(store.runs_to_notify(organization.id))
    return ingested if published else replace(ingested, facts=replace(ingested.facts, work_left=True))


def _ingest(organization: Organization, clock: Clock, followers: Followers, carried: Carried) -> Ingested:
    began_at = clock()
    ingest = Pass(organization, cluster.connect(organization), clock, followers, carried)
    error, ended_well = None, 0
    try:
        ingest.run()
        if organization.leaving_at:
            record_if_cleared(organization, ingest.cluster, clock())
        ended_well = _ended_well.count(clock())
        publish({Metric.INGEST_PASSES: ended_well} if ended_well else {})
    except Incomplete as incomplete:
        error = incomplete
    finally:
        publish(ingest.figures)
        _log(ingest, is_logged=bool(ended_well))
    moving = ingest.has_moving or bool(ingest.written or ingest.settled)
    facts = PassFacts(
        moving=moving,
        # The next pass comes within seconds, whether or not a slot does.
        next_slot=None if moving else store.next_due(organization.id, began_at),
        awaited=ingest.awaited,
        incomplete=error is not None,
        due=ingest.due,
        pause_ended=ingest.pause_ended,
    )
    return Ingested(facts, error)


@contextmanager
def following_logs(most: int = MOST_FOLLOWED) -> Iterator[Followers]:
    """Yield those who follow logs of running commands beside what the block does; at its end, wait for them.

    So many at most, because of memory. A log is followed until another pass does that, or it grows slowly. Where no
    place is left, each pass reads a log to its end.
    """
    with ThreadPoolExecutor(most, thread_name_prefix="follow") as pool:
        places = iter(range(most))
        yield Followers(
            take_place=lambda: next(places, None) is not None,
            follow=lambda collector: pool.submit(log_collecting.follow, collector),
        )


def _log(ingest: Pass, *, is_logged: bool) -> None:
    """Write a line about a pass that did anything, and once a minute about others: there may be 500,000."""
    if is_logged or ingest.written or ingest.missed or ingest.failed:
        logger.info(
            "ingested",
            organization_id=ingest.organization.id,
            jobs=ingest.jobs,
            written=ingest.written,
            missed=ingest.missed,
            failed=ingest.failed,
        )


def sync_cronjobs(scope: Scope, now: datetime) -> Counter[str]:
    """Make the CronJobs in scope match; return how many were created, replaced, deleted and so on.

    Raises what `jobs_api.sync.sync` raises, and NotFound where the organization does not exist any more.
    """
    organization = store.recent_organization(scope.organization_id)
    try:
        done = sync(scope, cluster.connect(organization), now)
    except ClusterError:
        publish({Metric.CLUSTER_ERRORS: 1})
        raise
    changes = done["created"] + done["replaced"] + done["deleted"]
    publish({Metric.SYNC_PASSES: 1, Metric.SYNC_CHANGES: changes, Metric.DRIFT_REPAIRED: done["repaired"]})
    if done["held"]:
        publish({Metric.REMOVALS_HELD: done["held"]})
    logger.info("synced", **scope.model_dump(exclude_none=True), changes=dict(done))
    return done
