"""POST /api/v1/runs/{run_id}/artifacts: the Pod of a run asks how to store its artifacts."""

from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import store
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.errors import Forbidden
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import Bundle, BundleKey
from jobs_api.model.artifacts import ArtifactFile, ArtifactRequest
from jobs_api.model.document import Absent, Document
from jobs_api.trigger import dbt_retry, earlier_artifacts

app = Api()

# The files that dbt compares with or defers to.
MANIFEST: Final = "manifest.json"


class ArtifactForm(Document):
    """How to store the files: POST to `url` the fields of `form`, and then the `file`, as multipart/form-data.

    The file is `head`, and after it the files of the request in their order, each compressed by gzip.
    """

    url: str
    form: dict[str, str]
    head: str


class FetchedArtifact(Document):
    """Where to fetch one artifact of an earlier run: the bytes `range` of what is at `url`, compressed by gzip."""

    path: str
    url: str
    range: str


class ArtifactUpload(Document):
    """How to store the `files` that were asked for, in their order; or the artifacts of an earlier run."""

    run_id: str
    files: Absent[list[ArtifactFile]] = None
    upload: Absent[ArtifactForm] = None
    fetched: Absent[list[FetchedArtifact]] = None


@app.post("/api/v1/runs/<run_id>/artifacts")
def store_artifacts(
    run_id: str, document: Annotated[dict[str, Any] | None, Body(), schema_of(ArtifactRequest)] = None
) -> ArtifactUpload:
    """Answer the run's own Pod, and nobody else."""
    claims = app.current_event.request_context.authorizer.raw_event
    if claims.get("role") != "pod" or claims.get("run_id") != run_id:
        raise Forbidden("Only the pod of this run may store its artifacts")
    request = ArtifactRequest.checked(document or {})
    if request.fetch:
        return ArtifactUpload(run_id=run_id, fetched=_links(_earlier(claims, request.fetch)))
    key = BundleKey(claims["organization_id"], claims["project_id"], run_id, claims["pod_name"])
    form = ArtifactForm(**artifacts.bundle_form(key, request.files))
    return ArtifactUpload(run_id=run_id, files=request.files, upload=form)


def _links(found: Bundle | None) -> list[FetchedArtifact]:
    if found is None:
        return []
    url = artifacts.bundle_link(found.of)
    return [FetchedArtifact(path=path, url=url, range=found.bytes_of(path) or "") for path in found.paths]


def _earlier(claims: dict[str, str], which: str) -> Bundle | None:
    project = store.get_project(claims["organization_id"], claims["project_id"])
    job_id = claims["job_id"]
    if which == "previous":
        return dbt_retry.continued_by(project, job_id, claims["run_id"])
    of_job = earlier_artifacts.last_success(project, job_id, MANIFEST, app.now)
    return of_job or earlier_artifacts.last_success(project, None, MANIFEST, app.now)


lambda_handler = app.resolve
