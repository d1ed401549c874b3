"""The folder that a soak writes to. It is cleared at the start, so that only one that a soak made is ever taken."""

import shutil
from pathlib import Path

MARK = ".made-by-soak"
# All that the stack, the cluster and the proxy write. Nothing else is ever removed, and images stay, since installing
# them takes longest.
LEFT = (
    "analytics",
    "cluster.log",
    "cluster_proxy",
    "env",
    "functions.log",
    "inbox",
    "inbox.json",
    "jaffle",
    "kubeconfig",
    "session.json",
    "store",
)
LEFT_BY_CLUSTER = ("cluster", "cluster.log", "kubeconfig", "pki", "pods")


class ForeignFolder(Exception):
    """The folder holds what no soak wrote."""


def prepare(home: Path) -> None:
    """Make the folder, or clear what an earlier soak left in it.

    Raises:
        ForeignFolder: it is somebody's, and is left as it is.
    """
    if home.exists() and not (home / MARK).is_file() and any(home.iterdir()):
        raise ForeignFolder(f"{home} was not made by a soak, so it is left alone; name an empty folder in SOAK_HOME")
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
    for path in (*(home / name for name in LEFT), *(home / "cluster" / name for name in LEFT_BY_CLUSTER)):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
