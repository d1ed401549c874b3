"""POST /api/v1/runs/{run_id}/artifacts: the Pod of a run asks how to store its artifacts."""

from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import store
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.errors import Forbidden
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import RunKey
from jobs_api.model.artifacts import ArtifactFile, ArtifactRequest
from jobs_api.model.document import Absent, Document
from jobs_api.trigger import dbt_retry, earlier_artifacts

app = Api()

# The files that dbt compares with or defers to.
MANIFEST: Final = "manifest.json"


class ArtifactForm(Document):
    """How to store one file: POST to `url` the fields of `form`, and then the `file`, as multipart/form-data."""

    path: Absent[str] = None
    url: str
    form: dict[str, str]


class FetchedArtifact(Document):
    """Where to fetch one artifact of an earlier run."""

    path: str
    url: str


class ArtifactUploads(Document):
    """A form for each file, and one for the `listing`: an object with the `files` as JSON, to be stored after them."""

    run_id: str
    uploads: list[ArtifactForm]
    listing: Absent[ArtifactForm] = None
    fetched: Absent[list[FetchedArtifact]] = None
    files: list[ArtifactFile]


@app.post("/api/v1/runs/<run_id>/artifacts")
def store_artifacts(
    run_id: str, document: Annotated[dict[str, Any] | None, Body(), schema_of(ArtifactRequest)] = None
) -> ArtifactUploads:
    """Answer the run's own Pod, and nobody else."""
    said = app.current_event.request_context.authorizer.raw_event
    if said.get("role") != "pod" or said.get("run_id") != run_id:
        raise Forbidden("Only the pod of this run may store its artifacts")
    request = ArtifactRequest.checked(document or {})
    run = RunKey(said["organization_id"], said["project_id"], run_id)
    if request.fetch:
        found = _earlier(said, request.fetch)
        links = (
            [FetchedArtifact(path=one.path, url=artifacts.artifact_link(found[0], one)) for one in found[1]]
            if found
            else []
        )
        return ArtifactUploads(run_id=run_id, uploads=[], files=[], fetched=links)
    artifacts.empty_list(run)
    forms = [ArtifactForm(**form) for form in artifacts.artifact_forms(run, request.files)]
    listing = ArtifactForm(**artifacts.artifact_list_form(run))
    return ArtifactUploads(run_id=run_id, uploads=forms, listing=listing, files=request.files)


def _earlier(said: dict[str, str], what: str) -> earlier_artifacts.EarlierArtifacts | None:
    project = store.get_project(said["organization_id"], said["project_id"])
    job_id = said["job_id"]
    if what == "previous":
        return dbt_retry.continued_by(project, job_id, said["run_id"])
    of_job = earlier_artifacts.last_success(project, job_id, MANIFEST, app.now)
    return of_job or earlier_artifacts.last_success(project, None, MANIFEST, app.now)


lambda_handler = app.resolve
