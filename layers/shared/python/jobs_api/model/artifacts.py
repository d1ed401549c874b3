"""The artifacts of a run: files of dbt's target folder, and how many and how large they may be."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from jobs_api.model.document import COMPILED_LATE, Document, Record

MOST_FILES: Final = 50
MOST_BYTES: Final = 100 * 1024 * 1024
# All files of one run together, compressed.
MOST_STORED_BYTES: Final = 200 * 1024 * 1024
# A file of the target folder itself. No slash, so that no path leads out of a run; no dot in front, as in `..`.
NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
TYPES: Final = {"json": "application/json", "html": "text/html; charset=utf-8"}
OTHER_TYPE: Final = "application/octet-stream"

ArtifactName = Annotated[str, Field(pattern=NAME)]


class ArtifactFile(Document):
    """A file as the runner tells of it; `stored_bytes` is its size after compression."""

    path: ArtifactName
    size_bytes: Annotated[int, Field(ge=0, le=MOST_BYTES)]
    stored_bytes: Annotated[int, Field(ge=1, le=MOST_BYTES)]

    @property
    def content_type(self) -> str:
        """Return the type, by the ending of the name."""
        return TYPES.get(self.path.rpartition(".")[2], OTHER_TYPE)


class ArtifactList(Record):
    """The list of a run's artifacts, which the runner stores last."""

    files: Annotated[list[ArtifactFile], Field(max_length=MOST_FILES)]


class ArtifactRequest(Document):
    """What a Pod asks for: to store these files, or to fetch what its command reads."""

    model_config = COMPILED_LATE

    files: Annotated[list[ArtifactFile], Field(min_length=1, max_length=MOST_FILES)] | None = None
    fetch: Literal["state", "previous"] | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.files is None) == (self.fetch is None):
            raise ValueError("needs either files or fetch")
        files = self.files or []
        if len({one.path for one in files}) < len(files):
            raise ValueError("files has a path twice")
        if sum(one.stored_bytes for one in files) > MOST_STORED_BYTES:
            raise ValueError(f"files are more than {MOST_STORED_BYTES} bytes together")
        return self


class Artifact(Document):
    """A stored artifact, as users see it; `path` is relative to dbt's target folder."""

    path: str
    size_bytes: int
    content_type: str
