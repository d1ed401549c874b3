"""OrganizationTick: brings an organization's runs and their logs up to what its cluster shows."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store
from jobs_api.cluster import connect
from jobs_api.errors import ClusterError
from jobs_api.ingest.ingester import Pass, end_overdue, note_cleared, note_reached
from jobs_api.metrics import Metric, publish
from jobs_api.notifications import queue

logger = Logger()


def lambda_handler(event: dict[str, Any], _: LambdaContext) -> None:
    """Ingest one organization; raises where anything is left to do, so that the event comes again."""
    organization = store.get_organization(event["detail"]["organization_id"])
    try:
        ingest = Pass(organization, connect(organization), lambda: datetime.now(UTC))
        try:
            ingest.run()
            if organization.leaving_at:
                note_cleared(organization, ingest.cluster, datetime.now(UTC))
            publish({Metric.INGEST_PASSES: 1})
        finally:
            publish(ingest.figures)
            logger.info(
                "ingested",
                organization_id=organization.id,
                jobs=ingest.jobs,
                written=ingest.written,
                missed=ingest.missed,
                failed=ingest.failed,
            )
    except ClusterError:
        publish({Metric.CLUSTER_ERRORS: 1})
        # Nobody waits for ever for a cluster that is gone, or lets nobody in.
        now = datetime.now(UTC)
        note_reached(organization, now, reached=False)
        end_overdue(organization, now)
        raise
    finally:
        # What was written just now, what an earlier pass was cut off before, and what other functions left.
        queue.try_to_publish(store.runs_to_notify(organization.id))
