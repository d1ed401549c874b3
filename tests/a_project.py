"""A project in memory, for tests of the rules that its jobs obey."""

from datetime import UTC, datetime
from typing import Any

from jobs_api.model.project import Project, ProjectSettings

MADE_AT = datetime(2026, 4, 28, 12, tzinfo=UTC)


def project(**settings: Any) -> Project:
    """Give a dbt project, with other settings where some are given."""
    said = {"name": "jaffle", "project_type": "dbt", "image": "dbt:1", **settings}
    return Project(
        id="proj_jaffle",
        organization_id="org-acme",
        settings=ProjectSettings.model_validate(said),
        cursor_key="key",
        created_at=MADE_AT,
        updated_at=MADE_AT,
    )
