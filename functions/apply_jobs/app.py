"""POST /api/v1/projects/{id}/apply: makes a project's jobs match a list; with `dry_run` it only plans."""

from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from jobs_api.api.body_schemas import json_of, schema_of
from jobs_api.api.resolver import Api
from jobs_api.edits import apply
from jobs_api.edits.apply import Progress
from jobs_api.edits.document import ApplyAnswer, ApplyRequest
from jobs_api.errors import ChangedMeanwhile, Conflict, InvalidRequest, NameTaken, StalePlan
from jobs_api.pulse import queue

# Lambda accepts a request of 6 MB of JSON, in which the body is a string: at worst, each of its bytes becomes two.
MOST_BODY_BYTES: Final = 2 * 1024 * 1024
# No write begins in the last seconds of the function's 25: a write may be tried several times, and the answer takes its
# time too. An alarm rings for requests that take nine tenths of the 25.
RESERVED_MILLISECONDS: Final = 7_000
ATTEMPTS: Final = 3

app = Api(idempotent=True, most_body_bytes=MOST_BODY_BYTES)


@app.post("/api/v1/projects/<project_id>/apply", responses=json_of(ApplyAnswer))
def apply_jobs(
    project_id: str,
    document: Annotated[dict[str, Any], Body(), schema_of(ApplyRequest)],
    dry_run: Annotated[bool, Query()] = False,  # noqa: FBT002 - a parameter of the URL
) -> Response[Any]:
    """Make a project's jobs match a list.

    1. Plan: read the project and its jobs, match them with the list, and name every fault.
    2. Write job by job, each as its own endpoint would, for as long as the gateway waits.
    3. Request one sync for all of them, also after an error.
    """
    if dry_run:
        plan, _ = apply.make_plan(app.caller.organization_id, project_id, document, app.written_by)
        return app.written(apply.apply_answer(plan, None).json_that_fits())
    progress = Progress()
    try:
        return app.written(_applied(project_id, document, progress))
    except Conflict as error:
        raise apply.with_what_was_done(error, progress) from error
    except InvalidRequest as error:
        if not progress.earlier:
            raise
        # A 422 means that nothing is written.
        stale = ChangedMeanwhile("Somebody else changed these jobs just now, and the list is no longer valid")
        raise apply.with_what_was_done(stale, progress) from error
    finally:
        if progress.written or progress.earlier:
            queue.project_changed(app.caller.organization_id, project_id)


def _applied(project_id: str, document: dict[str, Any], progress: Progress) -> str:
    """Write what the plan says. If somebody else writes meanwhile, plan again, or refuse where a plan was named."""
    for attempt in range(1, ATTEMPTS + 1):
        plan, order = apply.make_plan(app.caller.organization_id, project_id, document, app.written_by)
        # An answer that cannot be given must be found before anything is written.
        apply.apply_answer(plan, None).json_that_fits()
        try:
            apply.carry_out(plan, order, app.written_by, progress, _has_time)
        except Conflict as error:
            progress.give_up(plan)
            # The plan found the names free, so that one that is taken now was taken meanwhile.
            if not isinstance(error, ChangedMeanwhile | NameTaken):
                raise
            if document.get("plan_id") is not None:
                raise StalePlan("Somebody else changed these jobs just now; plan again") from error
            if attempt == ATTEMPTS:
                raise
        else:
            break
    return apply.apply_answer(plan, progress).json_to_keep()


def _has_time() -> bool:
    return app.lambda_context.get_remaining_time_in_millis() > RESERVED_MILLISECONDS


lambda_handler = app.resolve
