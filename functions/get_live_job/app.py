"""GET /api/v1/jobs/{id}: returns one Kubernetes Job, by its name."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.cluster import connect
from jobs_api.live import queries
from jobs_api.live.documents import LiveJobDetail
from jobs_api.store.waiting_calls import Waits, waits

app = Api()


@app.get("/api/v1/jobs/<job_name>")
def get_live_job(job_name: str) -> LiveJobDetail:
    """Return a Job that is in the cluster now."""
    organization = store.recent_organization(app.caller.organization_id)
    with waits(organization.id, Waits.LIVE, app.now):
        return queries.get_live_job(connect(organization), organization, job_name)


lambda_handler = app.resolve
