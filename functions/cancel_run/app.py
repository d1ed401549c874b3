"""POST /api/v1/runs/{run_id}/cancel: ends a run, and keeps its log."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import cluster, store
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api, logger
from jobs_api.cancel import ending, recording
from jobs_api.cancel.request import CancelAnswer, CancelRequest
from jobs_api.errors import ClusterUnavailable
from jobs_api.metrics import Metric, publish
from jobs_api.model.run import Run
from jobs_api.pulse import queue

app = Api(idempotent=True)


@app.post("/api/v1/runs/<run_id>/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_run(
    run_id: str, document: Annotated[dict[str, Any] | None, Body(), schema_of(CancelRequest)] = None
) -> CancelAnswer:
    """Cancel a run.

    1. Note the request on the run, if it has not ended. A run that waits for its Job is cancelled with that. 2. End the
    run's pod by its deadline, or where no node has one, its Job. If the cluster cannot be asked, ingest does it once it
    is back. 3. Ask for a pass, whose ingest stores the log, and writes how the run ended.
    """
    request = CancelRequest.checked(document or {})
    run = recording.record_request(app.caller.organization_id, run_id, request, app.written_by)
    refused = _try_to_end(run) if run.is_to_be_cancelled else None
    queue.run_cancelled(run.organization_id)
    answer = CancelAnswer(run_id=run.id, status=run.status)
    return answer.model_copy(update={"message": refused}) if refused else answer


def _try_to_end(run: Run) -> str | None:
    """End the run's Pod or Job; return the message for an operator where the cluster's rights do not allow that."""
    try:
        connected = cluster.connect(store.recent_organization(run.organization_id))
        ending.end(connected, run, run.job_name, app.now)
    except ending.NotAllowed as error:
        logger.warning("the cluster does not let pods be ended", run_id=run.id, error=str(error.__cause__))
        return str(error)
    except (ClusterUnavailable, cluster.ClusterRejected) as error:
        publish({Metric.CLUSTER_ERRORS: 1})
        logger.warning("not ended yet", run_id=run.id, error=str(error))
    return None


lambda_handler = app.resolve
