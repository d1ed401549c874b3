"""An item of a table before and after a write, as far as others are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# An organization, a project and a job, by their ids.
type JobAddress = tuple[str, str, str]
# The project's name and the job's, None where it is gone.
type SubjectNames = tuple[str | None, str | None]


@dataclass(frozen=True)
class StoredJob:
    """A job as its row has it; `values` are its settings and whatever else only its owner changes."""

    organization_id: str
    project_id: str
    id: str
    name: str
    version: int
    updated_at: datetime
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Images[T]:
    """An item before and after a write; None where it was not there."""

    before: T | None
    after: T | None
