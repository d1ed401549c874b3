"""The artifacts of runs in S3, beside their logs: `artifacts/<organization>/<project>/<run>/`, and how to reach them.

A Pod stores files itself, by forms that this module signs: each for one key, one exact size and one type, for a short
time. The list of the files is stored last. What has no list was not stored whole, and is as if it were not there.
"""

import gzip
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import ValidationError

from jobs_api.logs.archive import bucket_client
from jobs_api.model.artifacts import Artifact, ArtifactFile, ArtifactList
from jobs_api.model.run import Run

STORE_SECONDS: Final = 10 * 60
ARTIFACT_LINK_SECONDS: Final = 5 * 60
# A list of 50 files has about 6 KB.
LIST_BYTES: Final = 64 * 1024
JSON_FILE: Final = "application/json"

type SignedForm = dict[str, Any]


@dataclass(frozen=True)
class RunKey:
    """Which run; the ids become parts of keys, and so must be known to be ids."""

    organization_id: str
    project_id: str
    run_id: str

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the key of a run."""
        return cls(run.organization_id, run.project_id, run.id)

    @property
    def prefix(self) -> str:
        """Return how the keys of its artifacts begin."""
        return f"artifacts/{self.organization_id}/{self.project_id}/{self.run_id}/"

    def key(self, path: str) -> str:
        """Return the key of a file."""
        return f"{self.prefix}files/{path}"

    @property
    def list_key(self) -> str:
        """Return the key of the list, which no file can have."""
        return f"{self.prefix}list.json"


def artifact_forms(run: RunKey, files: Iterable[ArtifactFile]) -> list[SignedForm]:
    """Return a form for each file: the file's path, and the URL and fields of the form to send with the file."""
    return [{"path": one.path, **_form(run.key(one.path), one.content_type, one.stored_bytes, "gzip")} for one in files]


def artifact_list_form(run: RunKey) -> SignedForm:
    """Return the form for the list of files."""
    return _form(run.list_key, JSON_FILE, LIST_BYTES, None)


def empty_list(run: RunKey) -> None:
    """Empty the list of an earlier upload, before another begins: half of each would look like the whole of one.

    A run has two uploads where its Pod was replaced, since a node was drained after the first. Two that overlap may
    still mix their files. It is replaced, because no function may delete an object.
    """
    if stored_artifacts(run):
        bucket_client().put_object(
            Bucket=os.environ["LOGS_BUCKET"], Key=run.list_key, Body=b'{"files": []}', ContentType=JSON_FILE
        )


def stored_artifacts(run: RunKey) -> list[Artifact]:
    """Return the artifacts of a run, in the order of their names; none where they were not all stored.

    A Pod wrote the list, so it is read as something that anybody may have written.
    """
    client = bucket_client()
    try:
        content = client.get_object(Bucket=os.environ["LOGS_BUCKET"], Key=run.list_key)["Body"].read(LIST_BYTES + 1)
        found = ArtifactList.model_validate_json(content)
    except (client.exceptions.NoSuchKey, ValidationError):
        return []
    files = sorted({one.path: one for one in found.files}.values(), key=lambda one: one.path)
    return [Artifact(path=one.path, size_bytes=one.size_bytes, content_type=one.content_type) for one in files]


def artifact_link(run: RunKey, artifact: Artifact) -> str:
    """Return a link to an artifact, valid for five minutes, which needs no token.

    A browser saves an HTML file instead of showing it: a page would come from the address of all organizations' files.
    """
    shown = "inline" if artifact.content_type == JSON_FILE else "attachment"
    return bucket_client().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": os.environ["LOGS_BUCKET"],
            "Key": run.key(artifact.path),
            "ResponseContentDisposition": f'{shown}; filename="{artifact.path}"',
        },
        ExpiresIn=ARTIFACT_LINK_SECONDS,
    )


def read(run: RunKey, path: str) -> bytes:
    """Return an artifact's content, not compressed; raises S3's NoSuchKey."""
    stored = bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=run.key(path))["Body"].read()
    return gzip.decompress(stored)


def _form(key: str, content_type: str, most_bytes: int, encoding: str | None) -> SignedForm:
    fields = {"Content-Type": content_type, **({"Content-Encoding": encoding} if encoding else {})}
    # A file has exactly the size that was asked for; the list has any up to its limit.
    sizes = ["content-length-range", most_bytes if encoding else 1, most_bytes]
    signed = bucket_client().generate_presigned_post(
        Bucket=os.environ["LOGS_BUCKET"],
        Key=key,
        Fields=fields,
        Conditions=[{name: value} for name, value in fields.items()] + [sizes],
        ExpiresIn=STORE_SECONDS,
    )
    return {"url": signed["url"], "form": signed["fields"]}
