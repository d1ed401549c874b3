"""GET /api/v1/projects/{id}: shows a project and how its jobs run."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.model.project_document import ProjectDocument

app = Api()


@app.get("/api/v1/projects/<project_id>")
def get_project(project_id: str) -> ProjectDocument:
    """Show a project."""
    return ProjectDocument.of(store.get_project(app.caller.organization_id, project_id), app.now)


lambda_handler = app.resolve
