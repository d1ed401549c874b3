"""GET /api/v1/projects/{id}/artifacts/latest/{path}: a link to a file of the last success that has it."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api.body_schemas import JSON_TYPE, json_of
from jobs_api.api.resolver import Api
from jobs_api.errors import NoLatestArtifact
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import ARTIFACT_LINK_SECONDS
from jobs_api.model.document import Document, Timestamp
from jobs_api.trigger import earlier_artifacts

app = Api()


class LatestArtifactLink(Document):
    """Where to download an artifact, without a token, and until when; and which run stored it."""

    run_id: str
    url: str
    expires_at: Timestamp


@app.get("/api/v1/projects/<project_id>/artifacts/latest/<path>", responses=json_of(LatestArtifactLink))
def get_latest_artifact(
    project_id: str, path: str, job_id: Annotated[str | None, Query(max_length=64)] = None
) -> Response[Any]:
    """Redirect to the file, or return the link if the client asked for JSON."""
    project = store.get_project(app.caller.organization_id, project_id)
    found = earlier_artifacts.last_success(project, job_id, path, app.now)
    if found is None:
        raise NoLatestArtifact(path)
    url = artifacts.artifact_link(found, next(one for one in found.artifacts if one.path == path), app.now)
    if JSON_TYPE in app.current_event.headers.get("accept", "").lower():
        until = app.now + timedelta(seconds=ARTIFACT_LINK_SECONDS)
        return app.written(LatestArtifactLink(run_id=found.of.run_id, url=url, expires_at=until).model_dump_json())
    return Response(HTTPStatus.FOUND, content_type=JSON_TYPE, headers={"Location": url}, body="{}")


lambda_handler = app.resolve
