"""A project in memory, for tests of jobs' rules."""

from datetime import UTC, datetime
from typing import Any

from jobs_api.model.project import Project, ProjectSettings

MADE_AT = datetime(2026, 4, 28, 12, tzinfo=UTC)


def project(**settings: Any) -> Project:
    """Return a dbt project with these settings, and defaults for the others."""
    fields = {"name": "jaffle", "project_type": "dbt", "image": "dbt:1", **settings}
    return Project(
        id="proj_jaffle",
        organization_id="org-acme",
        settings=ProjectSettings.model_validate(fields),
        cursor_key="key",
        created_at=MADE_AT,
        updated_at=MADE_AT,
    )
