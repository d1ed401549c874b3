"""DELETE /api/v1/projects/{id}: deletes a project that is not deployed, with its jobs; its runs stay readable."""

from functools import partial

from jobs_api.admin import projects
from jobs_api.api.resolver import Api, Message
from jobs_api.model import audit
from jobs_api.pulse import queue

app = Api(only_admins=True)


@app.delete("/api/v1/projects/<project_id>")
def delete_project(project_id: str) -> Message:
    """Delete a project and its jobs. Running Pods finish, and runs can still be read by their ids."""
    organization_id, write = app.caller.organization_id, partial(audit.entry, app.written_by)
    projects.remove_project(organization_id, project_id, write, even_deployed=False)
    queue.project_changed(organization_id, project_id)
    return Message(message="Project deleted successfully")


lambda_handler = app.resolve
