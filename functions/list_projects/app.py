"""GET /api/v1/projects: lists the projects of the organization, oldest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.model.project_document import ProjectDocument, ProjectList, called

app = Api()


@app.get("/api/v1/projects")
def list_projects(name: Annotated[str | None, Query(min_length=1, max_length=255)] = None) -> ProjectList:
    """List the projects of the organization, all of them or the one of a name.

    A name matches as names collide: in any case, and with any characters between its words.
    """
    projects = store.list_projects(app.caller.organization_id)
    found = called(name, projects) if name else projects
    return ProjectList(projects=[ProjectDocument.of(project, app.now) for project in found], total=len(found))


lambda_handler = app.resolve
