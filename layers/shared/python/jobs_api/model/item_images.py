"""An item of a table before and after a write, as the stream reports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# The ids of an organization, a project and a job.
type JobAddress = tuple[str, str, str]
# The names of the project and the job, each None where it was deleted.
type SubjectNames = tuple[str | None, str | None]


@dataclass(frozen=True)
class StoredJob:
    """A job as its row has it; `values` are its settings and everything else that only its owner changes."""

    organization_id: str
    project_id: str
    id: str
    name: str
    version: int
    updated_at: datetime
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Images[T]:
    """An item before and after a write; None where it did not exist."""

    before: T | None
    after: T | None
