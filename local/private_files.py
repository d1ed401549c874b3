"""Files and folders on a laptop that are nobody else's: tokens, keys, and what jobs print. Whatever the umask is."""

import os
import stat
from pathlib import Path

FILE = 0o600
FOLDER = 0o700


def folder(path: Path) -> Path:
    """Make a folder that only its owner may enter; one that is there becomes that, unless it is another's or shared."""
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    found = path.stat()
    # A folder such as /tmp is for all: what is made in it is private by itself.
    if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX:
        path.chmod(FOLDER)
    return path


def opener(path: str, flags: int) -> int:
    """Open a file for `open(..., opener=opener)`: only its owner may read it, also if it was there before."""
    descriptor = os.open(path, flags, FILE)
    os.fchmod(descriptor, FILE)
    return descriptor


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; who reads the one before goes on reading that."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE), "wb") as file:
        file.write(content)
    draft.replace(path)
