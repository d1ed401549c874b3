"""What a cluster that is started again finds as it was: each change is written down as it happens, as etcd does.

A line of JSON per change, the object as it is now and whether it is gone. A killed process leaves at most one line
half written; what that was about had not been answered yet.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from local.cluster.storage import Change, Object, Storage


class Journal:
    """The journal in a file, which the next start replaces by what it amounts to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, storage: Storage) -> None:
        """Fill an empty storage with what was written down, and write down what changes from now on."""
        for resource, obj, gone in self._read():
            storage.restore(resource, obj, gone=gone)
        draft = self._path.with_suffix(".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        for resource, obj in storage.everything():
            os.write(descriptor, _line(resource, obj, gone=False))
        draft.replace(self._path)

        def changed(change: Change) -> None:
            os.write(descriptor, _line(change.resource, change.stored.object, gone=change.type == "DELETED"))

        storage.listen(changed)

    def _read(self) -> Iterator[tuple[str, Object, bool]]:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().split(b"\n")[:-1]:
            resource, gone, obj = json.loads(line)
            yield resource, obj, gone


def _line(resource: str, obj: Object, *, gone: bool) -> bytes:
    return json.dumps([resource, gone, obj], separators=(",", ":")).encode() + b"\n"
