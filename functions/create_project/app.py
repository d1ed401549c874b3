"""POST /api/v1/projects: makes a project, by the rules of `jobsctl project create`."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api.admin import projects
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.model import audit
from jobs_api.model.project_document import ProjectDocument, ProjectRequest, sent_settings
from jobs_api.pulse import queue

app = Api(idempotent=True, only_admins=True)


@app.post("/api/v1/projects", status_code=HTTPStatus.CREATED)
def create_project(
    document: Annotated[dict[str, Any], Body(), schema_of(ProjectRequest)],
) -> Response[ProjectDocument]:
    """Make a project. Without `deployed` its jobs have no CronJobs yet."""
    organization_id, write = app.caller.organization_id, partial(audit.entry, app.written_by)
    settings, faults = sent_settings(document)
    project = projects.new_project(organization_id, app.new_id("proj_"), settings, app.now, write, faults)
    queue.project_changed(organization_id, project.id)
    return app.created(f"{app.current_event.path}/{project.id}", ProjectDocument.of(project, app.now))


lambda_handler = app.resolve
