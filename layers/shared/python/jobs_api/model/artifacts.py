"""The artifacts of a run: files of dbt's target folder, and how many and how large they may be."""

from typing import Annotated, Final

from pydantic import Field, ValidationInfo, field_validator

from jobs_api.model.document import COMPILED_LATE, Document, Record

MOST_ARTIFACTS: Final = 50
MOST_ARTIFACT_BYTES: Final = 100 * 1024 * 1024
# All files of one run together, compressed.
MOST_STORED_ARTIFACT_BYTES: Final = 200 * 1024 * 1024
# A file of the target folder itself. No slash, so that no path leads out of a run; no dot in front, as in `..`.
ARTIFACT_NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
CONTENT_TYPES: Final = {"json": "application/json", "html": "text/html; charset=utf-8"}
OTHER_TYPE: Final = "application/octet-stream"

ArtifactName = Annotated[str, Field(pattern=ARTIFACT_NAME)]


class ArtifactFile(Document):
    """A file that the runner is about to store; `stored_bytes` is its size after compression."""

    path: ArtifactName
    size_bytes: Annotated[int, Field(ge=0, le=MOST_ARTIFACT_BYTES)]
    stored_bytes: Annotated[int, Field(ge=1, le=MOST_ARTIFACT_BYTES)]

    @property
    def content_type(self) -> str:
        """Return the type, by the ending of the name."""
        return CONTENT_TYPES.get(self.path.rpartition(".")[2], OTHER_TYPE)


class ArtifactList(Record):
    """The list of a run's artifacts, which the runner stores last."""

    files: Annotated[list[ArtifactFile], Field(max_length=MOST_ARTIFACTS)]


class ArtifactRequest(Document):
    """The request of a Pod: how to store `files`; or where to `fetch` the artifacts that its command reads.

    `state` are those of the last success, of its job or else of its project; `previous` those that its job's last run
    left.
    """

    model_config = COMPILED_LATE

    files: Annotated[list[ArtifactFile], Field(max_length=MOST_ARTIFACTS)] = Field(default=[])
    fetch: Annotated[str, Field(pattern=r"^(state|previous)$")] | None = Field(default=None, validate_default=True)

    @field_validator("files")
    @classmethod
    def _check_paths_and_size(cls, files: list[ArtifactFile]) -> list[ArtifactFile]:
        if len({one.path for one in files}) < len(files):
            raise ValueError("has a path twice")
        if sum(one.stored_bytes for one in files) > MOST_STORED_ARTIFACT_BYTES:
            raise ValueError(f"has more than {MOST_STORED_ARTIFACT_BYTES} bytes together")
        return files

    @field_validator("fetch")
    @classmethod
    def _one_of_both(cls, fetch: str | None, info: ValidationInfo) -> str | None:
        if "files" in info.data and (fetch is None) is (not info.data["files"]):
            raise ValueError("must be there or files must, and not both")
        return fetch


class Artifact(Document):
    """A stored artifact, as users see it; `path` is relative to dbt's target folder."""

    path: str
    size_bytes: int
    content_type: str
