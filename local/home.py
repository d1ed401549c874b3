"""The folder of a laptop stack, `.local` or JOBS_API_HOME: its lock, its format, and how to start without its data.

    lock        who holds the folder: a process id and a port, valid while the file is locked
    format      the number of the data's format
    store/      the data of AWS: tables, objects, queues, keys and secrets
    cluster/    the data of the embedded cluster
    damaged     which damaged data ended the last start; the next start moves these aside
    aside/      damaged data, kept so that somebody can repair them

`make run` writes more files, and each start writes these again.
"""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from local import private_files

FORMAT = 1
# FRESH=1 removes these: the data, and the files that the jobs of the examples wrote.
DATA = ("format", "store", "cluster")
MADE_BY_JOBS = ("pods", "analytics", "jaffle")


class HomeTaken(OSError):
    """Another `make run` uses this folder."""


class UnusableData(OSError):
    """The data of an earlier `make run` cannot be used; the message says why, and what would help."""


class DamagedData(UnusableData):
    """The data cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        """Name the damaged data and the damage."""
        super().__init__(f"the data in {path} is damaged: {reason}")


class Home:
    """A folder that this process has locked."""

    def __init__(self, path: Path, lock: int) -> None:
        """Use `hold` to create a Home; `lock` is the descriptor of the locked file."""
        self.path = path
        self._lock = lock

    @property
    def store(self) -> Path:
        """The folder of AWS's data."""
        return self.path / "store"

    @property
    def cluster(self) -> Path:
        """The folder of the embedded cluster's data."""
        return self.path / "cluster"

    def serves_on(self, port: int) -> None:
        """Write into the lock file which process holds the folder, and its port."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps({"pid": os.getpid(), "port": port}).encode(), 0)

    def prepare(self, *, fresh: bool) -> list[str]:
        """Remove the data if the start is fresh, and check that the data have the format of this version.

        Returns messages for the user: where damaged data are kept.

        Raises:
            UnusableData: the data have another format.
        """
        messages = self._begin_again() if fresh else []
        form = self.path / "format"
        if not form.exists() and not self.store.exists():
            private_files.write(form, f"{FORMAT}\n".encode())
        try:
            version = int(form.read_text())
        except (OSError, ValueError) as error:
            raise self._unusable(DamagedData(form, "it has no format number")) from error
        if version != FORMAT:
            newer = "a newer version wrote it" if version > FORMAT else "an older version wrote it"
            reason = f"the data in {self.path} has format {version}, and this version reads {FORMAT}: {newer}"
            raise self._unusable(UnusableData(reason))
        return messages

    def started(self) -> None:
        """Record that the data could be read."""
        self._mark.unlink(missing_ok=True)

    @contextmanager
    def read(self) -> Iterator[None]:
        """Add to an error about unusable data what the user can do, and record which data are damaged.

        Raises:
            UnusableData: the block raised it.
        """
        try:
            yield
        except UnusableData as error:
            raise self._unusable(error) from error

    @property
    def _mark(self) -> Path:
        return self.path / "damaged"

    def _unusable(self, error: UnusableData) -> UnusableData:
        private_files.write(self._mark, f"{error}\n".encode())
        return UnusableData(f"{error}. `make run FRESH=1` begins again and keeps this data in {self.path / 'aside'}")

    def _begin_again(self) -> list[str]:
        messages = []
        if self._mark.exists():
            aside = private_files.folder(self.path / "aside") / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            aside.mkdir()
            for name in (*DATA, "damaged"):
                if (self.path / name).exists():
                    (self.path / name).rename(aside / name)
            messages = [f"What could not be read is kept in {aside}"]
        for name in (*DATA, *MADE_BY_JOBS):
            _remove(self.path / name)
        return messages


@contextmanager
def hold(path: Path) -> Iterator[Home]:
    """Lock a folder for this process until the block or the process ends, even by a kill.

    Raises:
        HomeTaken: another process holds it; the message has the process id and the port.
    """
    private_files.folder(path)
    # Child processes do not inherit the descriptor, so they cannot hold the lock after this process has ended.
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, private_files.FILE)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeTaken(f"{path} is used by {_holder(lock)}: end that, or choose another JOBS_API_HOME") from error
        home = Home(path, lock)
        os.ftruncate(lock, 0)
        yield home
    finally:
        os.close(lock)


def is_fresh(text: str) -> bool:
    """Read FRESH; raises ValueError if it is neither a yes nor a no."""
    meaning = {"": False, "0": False, "no": False, "false": False, "1": True, "yes": True, "true": True}
    try:
        return meaning[text.strip().lower()]
    except KeyError:
        raise ValueError(f"FRESH must be 1 to begin again, or 0, not {text!r}") from None


def _holder(lock: int) -> str:
    try:
        found = json.loads(os.pread(lock, 1000, 0))
        return f"a `make run` of process {found['pid']} on port {found['port']}"
    except (ValueError, KeyError):
        return "a `make run` that is starting"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main(path: Path) -> int:
    """For `make clean`: exit with status 0 if the folder may be removed."""
    if not path.exists():
        return 0
    try:
        with hold(path):
            return 0
    except HomeTaken as error:
        print(f"make clean: {error}", file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
