"""The fields that the service adds to a job in an answer; clients may send them back, and they are not read."""

from jobs_api.model.document import COMPILED_LATE, Absent, Document, Timestamp
from jobs_api.model.job_sync import JobSync


class ServiceFields(Document):
    """The fields that the service adds to the settings of a job in an answer."""

    model_config = COMPILED_LATE

    id: str
    project_id: str
    created_at: Timestamp
    updated_at: Timestamp
    cronjob_name: str
    next_run_at: Absent[Timestamp] = None
    sync: JobSync
    webhook_secret: Absent[str] = None


READ_ONLY = frozenset(ServiceFields.model_fields)
