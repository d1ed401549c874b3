"""An admin may send what a project may be, and nothing else."""

import pytest

from jobs_api.model.project import ProjectSettings
from jobs_api.model.project_document import ProjectRequest

STORED = {"timeout_seconds": "active_deadline_seconds"}
# The rules of these fields compare texts with other records; in the schema they are plain texts and times.
CHECKED = {"name", "environment_secret", "allowed_environment", "allowed_resources", "paused_until", "pause_reason"}


@pytest.mark.parametrize("name", ProjectRequest.model_fields)
def test_a_request_has_the_bounds_and_the_default_of_what_is_stored(name: str) -> None:
    sent, stored = ProjectRequest.model_fields[name], ProjectSettings.model_fields[STORED.get(name, name)]

    # Only a dbt project may set this field.
    assert name == "artifacts" or sent.default == stored.default
    assert name in {*CHECKED, "artifacts"} or sent.annotation == stored.annotation
    assert name in CHECKED or sent.metadata == stored.metadata


def test_every_setting_can_be_sent() -> None:
    assert {STORED.get(name, name) for name in ProjectRequest.model_fields} == set(ProjectSettings.model_fields)
