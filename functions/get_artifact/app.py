"""GET /api/v1/runs/{run_id}/artifacts/{path}: a link to one artifact, valid for five minutes."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from jobs_api import store
from jobs_api.api.body_schemas import JSON_TYPE, json_of
from jobs_api.api.resolver import Api
from jobs_api.errors import ArtifactNotFound
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import ARTIFACT_LINK_SECONDS, BundleKey
from jobs_api.model.document import Document, Timestamp

app = Api()


class ArtifactLink(Document):
    """Where to download an artifact, without a token, and until when."""

    url: str
    expires_at: Timestamp


@app.get("/api/v1/runs/<run_id>/artifacts/<path>", responses=json_of(ArtifactLink))
def get_artifact(run_id: str, path: str) -> Response[Any]:
    """Redirect to the file, or return the link if the client asked for JSON."""
    stored = store.get_run(app.caller.organization_id, run_id, kept_at=app.now)
    bundle = artifacts.stored_bundle(BundleKey.of(stored))
    found = next((one for one in bundle.artifacts if one.path == path), None) if bundle else None
    if bundle is None or found is None:
        raise ArtifactNotFound(path)
    url = artifacts.artifact_link(bundle, found, app.now)
    if JSON_TYPE in app.current_event.headers.get("accept", "").lower():
        return app.written(
            ArtifactLink(url=url, expires_at=app.now + timedelta(seconds=ARTIFACT_LINK_SECONDS)).model_dump_json()
        )
    return Response(HTTPStatus.FOUND, content_type=JSON_TYPE, headers={"Location": url}, body="{}")


lambda_handler = app.resolve
