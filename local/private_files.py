"""Files and folders that only their owner can read, with any umask: tokens, keys, and what jobs print."""

import os
import stat
from pathlib import Path

FILE = 0o600
FOLDER = 0o700


def folder(path: Path) -> Path:
    """Create a folder that only its owner may enter; restrict an existing one if it is this user's and not shared."""
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    found = path.stat()
    # A folder such as /tmp is for all users; the files in it are private themselves.
    if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX:
        path.chmod(FOLDER)
    return path


def opener(path: str, flags: int) -> int:
    """Open a file for `open(..., opener=opener)`: only its owner may read it, even if it existed before."""
    descriptor = os.open(path, flags, FILE)
    os.fchmod(descriptor, FILE)
    return descriptor


def write(path: Path, content: bytes) -> None:
    """Write a complete file or none; a reader of the previous file continues with that."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE), "wb") as file:
        file.write(content)
    draft.replace(path)
