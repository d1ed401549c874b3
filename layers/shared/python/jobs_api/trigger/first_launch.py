"""Launches a run at once that somebody requested. Where that fails, ingests try again for up to an hour."""

from datetime import datetime

from aws_lambda_powertools import Logger

from jobs_api import cluster, store
from jobs_api.aws.encryption import CannotOpen
from jobs_api.cancel import ending
from jobs_api.errors import ClusterUnavailable
from jobs_api.metrics import Metric, publish
from jobs_api.model.run import Run
from jobs_api.store import turns
from jobs_api.trigger.launch import launch

logger = Logger()


def launch_now(run: Run, now: datetime) -> str:
    """Create the run's Job unless it exists, and record that; return the Job's name. Raises no error of the cluster."""
    if run.launch is None:
        return run.job_name
    try:
        name = launch(cluster.connect(store.recent_organization(run.organization_id)), run)
    except (ClusterUnavailable, cluster.ClusterRejected, CannotOpen) as error:
        if not isinstance(error, CannotOpen):
            publish({Metric.CLUSTER_ERRORS: 1})
        logger.warning("not launched yet", run_id=run.id, job_id=run.job_id, error=str(error))
        turns.keep_turn(run)
        return run.job_name
    if not store.run_launched(run, name, now):
        _end_if_cancelled(run, name, now)
    return name


def _end_if_cancelled(run: Run, name: str, now: datetime) -> None:
    """End the Job of a run that was cancelled while its Job was created; where that fails, ingest does it."""
    try:
        ending.end_if_cancelled(cluster.connect(store.recent_organization(run.organization_id)), run, name, now)
    except (ClusterUnavailable, cluster.ClusterRejected, ending.NotAllowed) as error:
        logger.warning("not ended yet", run_id=run.id, job_id=run.job_id, error=str(error))
