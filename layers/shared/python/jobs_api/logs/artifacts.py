"""The artifacts of runs in S3: one object for each Pod that stored some, and how to reach the files in it.

`artifacts/<organization>/<project>/<run>/<pod>` is a bundle: a line of JSON that names the files and their sizes, and
then the files, each compressed by gzip. A Pod stores its bundle itself, by a form that this module signs: for this key,
this size and a short time. An object is there whole or not at all, so a bundle is never a part of one, nor a mixture of
two Pods' files. Which bundle is the run's follows from `pod_name` of the run: docs/decisions/15-artifacts.md.

A link leads to an object and not to a part of one, so a file that somebody downloads is copied to `downloads/` first.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from pydantic import ValidationError

from jobs_api.aws.clients import ClientError
from jobs_api.logs.log_bucket import bucket_client
from jobs_api.model.artifacts import MOST_ARTIFACT_BYTES, Artifact, ArtifactFile, ArtifactList
from jobs_api.model.run import Run

STORE_SECONDS: Final = 10 * 60
ARTIFACT_LINK_SECONDS: Final = 5 * 60
# The line in front of 50 files with long names has 10 KB.
LIST_BYTES: Final = 16 * 1024
JSON_FILE: Final = "application/json"
BUNDLE: Final = "application/octet-stream"
# The bucket removes copies after a day. A link to an older one might end before its time.
COPY_IS_USED_FOR: Final = timedelta(hours=20)

type SignedForm = dict[str, Any]


@dataclass(frozen=True)
class BundleKey:
    """The Pod of a run, whose bundle it is; the names become parts of keys, and so must be known to be names."""

    organization_id: str
    project_id: str
    run_id: str
    pod_name: str

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the key of the bundle that is a run's own; its Pod has no name where it had none."""
        return cls(run.organization_id, run.project_id, run.id, run.pod_name or "")

    @property
    def key(self) -> str:
        """Return the key of the bundle."""
        return f"artifacts/{self._place}"

    def key_of_copy(self, path: str) -> str:
        """Return the key of a file that was copied out of it."""
        return f"downloads/{self._place}/{path}"

    @property
    def _place(self) -> str:
        return f"{self.organization_id}/{self.project_id}/{self.run_id}/{self.pod_name}"


@dataclass(frozen=True)
class Bundle:
    """The bundle that a Pod stored: the files in their order, the first of which begins at the byte `begin`."""

    of: BundleKey
    files: tuple[ArtifactFile, ...]
    begin: int

    @property
    def paths(self) -> list[str]:
        """Return the names of the files, sorted."""
        return sorted(one.path for one in self.files)

    def has(self, paths: frozenset[str]) -> bool:
        """Return whether all these files are in it."""
        return paths <= set(self.paths)

    @property
    def artifacts(self) -> list[Artifact]:
        """Return the files as users see them, in the order of their names."""
        files = sorted(self.files, key=lambda one: one.path)
        return [Artifact(path=one.path, size_bytes=one.size_bytes, content_type=one.content_type) for one in files]

    def bytes_of(self, path: str) -> str | None:
        """Return which bytes a file is, as HTTP's header `Range` has them; None where there is no such file."""
        begin = self.begin
        for one in self.files:
            if one.path == path:
                return f"bytes={begin}-{begin + one.stored_bytes - 1}"
            begin += one.stored_bytes
        return None


def head_of(files: Iterable[ArtifactFile]) -> str:
    """Return the line with which a bundle begins: which files follow, and their sizes."""
    told = [one.model_dump(include={"path", "size_bytes", "stored_bytes"}) for one in files]
    return json.dumps({"files": told}, separators=(",", ":")) + "\n"


def bundle_form(key: BundleKey, files: Iterable[ArtifactFile]) -> SignedForm:
    """Return how to store a bundle: the URL and the fields of the form to send with it, and its first line, `head`."""
    listed = list(files)
    head = head_of(listed)
    size = len(head.encode()) + sum(one.stored_bytes for one in listed)
    signed = bucket_client().generate_presigned_post(
        Bucket=os.environ["LOGS_BUCKET"],
        Key=key.key,
        Fields={"Content-Type": BUNDLE},
        Conditions=[{"Content-Type": BUNDLE}, ["content-length-range", size, size]],
        ExpiresIn=STORE_SECONDS,
    )
    return {"url": signed["url"], "form": signed["fields"], "head": head}


def stored_bundle(key: BundleKey) -> Bundle | None:
    """Return what a Pod stored, None where it did not. One GetObject.

    A Pod wrote it, so it is read as something that anybody may have written.
    """
    if not key.pod_name:
        return None
    try:
        answer = bucket_client().get_object(
            Bucket=os.environ["LOGS_BUCKET"], Key=key.key, Range=f"bytes=0-{LIST_BYTES - 1}"
        )
        head, newline, _ = answer["Body"].read(LIST_BYTES).partition(b"\n")
        listed = ArtifactList.model_validate_json(head)
    except ValidationError:
        return None
    except ClientError as error:
        # An empty object has no range.
        if error.response["Error"]["Code"] not in {"NoSuchKey", "InvalidRange"}:
            raise
        return None
    bundle = Bundle(key, tuple(listed.files), len(head) + len(newline))
    size = int(answer["ContentRange"].rpartition("/")[2])
    is_whole = bundle.begin + sum(one.stored_bytes for one in bundle.files) == size
    return bundle if is_whole and len(set(bundle.paths)) == len(bundle.files) else None


def read_file(bundle: Bundle, path: str, most_bytes: int) -> bytes:
    """Return a file of a bundle, compressed as it is stored; raises ValueError where it is missing or larger."""
    wanted = next((one for one in bundle.files if one.path == path), None)
    if wanted is None or wanted.stored_bytes > most_bytes:
        raise ValueError(f"it is missing, or has more than {most_bytes} bytes")
    return (
        bucket_client()
        .get_object(Bucket=os.environ["LOGS_BUCKET"], Key=bundle.of.key, Range=bundle.bytes_of(path) or "")["Body"]
        .read()
    )


def bundle_link(key: BundleKey) -> str:
    """Return a link to a bundle, valid for five minutes, which needs no token, and gives a part that a client asks."""
    return bucket_client().generate_presigned_url(
        "get_object",
        Params={"Bucket": os.environ["LOGS_BUCKET"], "Key": key.key},
        ExpiresIn=ARTIFACT_LINK_SECONDS,
    )


def artifact_link(bundle: Bundle, artifact: Artifact, now: datetime) -> str:
    """Return a link to a file, valid for five minutes, which needs no token. A HEAD; for a new copy a GET and a PUT.

    A browser saves an HTML file instead of showing it: a page would come from the address of all organizations' files.
    """
    bucket, key = os.environ["LOGS_BUCKET"], bundle.of.key_of_copy(artifact.path)
    if not _is_copied(key, now):
        bucket_client().put_object(
            Bucket=bucket,
            Key=key,
            Body=read_file(bundle, artifact.path, MOST_ARTIFACT_BYTES),
            ContentType=artifact.content_type,
            ContentEncoding="gzip",
        )
    shown = "inline" if artifact.content_type == JSON_FILE else "attachment"
    return bucket_client().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": bucket,
            "Key": key,
            "ResponseContentDisposition": f'{shown}; filename="{artifact.path}"',
        },
        ExpiresIn=ARTIFACT_LINK_SECONDS,
    )


def _is_copied(key: str, now: datetime) -> bool:
    """Return whether a copy is there, and will be until a link to it has expired."""
    try:
        told = bucket_client().head_object(Bucket=os.environ["LOGS_BUCKET"], Key=key)
    except ClientError as error:
        # The answer to HEAD has no body that would name the error.
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return told["LastModified"] > now - COPY_IS_USED_FOR
