"""PUT /api/v1/projects/{id}: changes the settings that are sent; the next runs and syncs use them."""

from functools import partial
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api.admin import projects
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.model import audit
from jobs_api.model.project_document import ProjectDocument, ProjectRequest, sent_settings
from jobs_api.pulse import queue

app = Api(only_admins=True)


@app.put("/api/v1/projects/<project_id>")
def update_project(
    project_id: str, changes: Annotated[dict[str, Any], Body(), schema_of(ProjectRequest, partial=True)]
) -> ProjectDocument:
    """Change a project: only what is sent, `null` for a default. A new `image` is for the next runs."""
    organization_id, write = app.caller.organization_id, partial(audit.entry, app.written_by)
    settings, faults = sent_settings(changes)
    project = projects.changed_project(organization_id, project_id, settings, app.now, write, faults)
    queue.project_changed(organization_id, project_id)
    return ProjectDocument.of(project, app.now)


lambda_handler = app.resolve
