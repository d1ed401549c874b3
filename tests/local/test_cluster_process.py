"""The embedded cluster of `make run` is a process beside it: either ends with the other, and neither waits forever."""

import queue
import sqlite3
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml

from local.cluster.database import FORMAT
from local.cluster_process import ClusterProcess
from local.home import DamagedData, UnusableData
from tests.functions.people import ROOT

pytestmark = pytest.mark.slow

IMAGES = ROOT / "local" / "images"
PATIENCE_SECONDS = 60


@pytest.fixture
def lost() -> "queue.Queue[int]":
    return queue.Queue()


@pytest.fixture
def cluster(tmp_path: Path, lost: "queue.Queue[int]") -> Iterator[ClusterProcess]:
    with ClusterProcess(tmp_path, IMAGES, lost.put) as running:
        running.wait_until_up()
        yield running


def test_it_answers_when_it_is_up_and_ends_with_the_block(tmp_path: Path, lost: "queue.Queue[int]") -> None:
    with ClusterProcess(tmp_path, IMAGES, lost.put) as cluster:
        cluster.wait_until_up()
        assert _answers(cluster)
        assert cluster.stopped_at is None

    assert cluster._process.returncode == 0
    assert lost.empty()
    with ClusterProcess(tmp_path, IMAGES, lost.put) as again:
        again.wait_until_up()
        assert again.stopped_at
        assert again.started_at
        assert again.stopped_at <= again.started_at
        again.stop_is_noted()


def test_it_ends_at_once_when_its_parent_has_ended(cluster: ClusterProcess, lost: "queue.Queue[int]") -> None:
    assert cluster._process.stdin
    # As the system closes the pipes of a process that was killed.
    cluster._process.stdin.close()

    assert lost.get(timeout=PATIENCE_SECONDS) == 1


def test_a_kill_is_reported_and_the_end_of_the_block_is_quiet(
    cluster: ClusterProcess, lost: "queue.Queue[int]", capfd: pytest.CaptureFixture[str]
) -> None:
    cluster._process.kill()
    assert lost.get(timeout=PATIENCE_SECONDS) == -9

    began = time.monotonic()
    cluster.__exit__(None, None, None)

    assert time.monotonic() - began < 5
    assert capfd.readouterr().err == ""


def test_unusable_objects_are_reported_as_such(tmp_path: Path, lost: "queue.Queue[int]") -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    (folder / "objects.sqlite").write_bytes(b"no database, but long enough to be taken for the head of one " * 4)
    with ClusterProcess(tmp_path, IMAGES, lost.put) as damaged, pytest.raises(DamagedData, match=r"objects\.sqlite"):
        damaged.wait_until_up()

    (folder / "objects.sqlite").unlink()
    with sqlite3.connect(folder / "objects.sqlite") as newer:
        newer.execute("CREATE TABLE objects (version INTEGER)")
        newer.execute(f"PRAGMA application_id = {0x4A41436C}")
        newer.execute(f"PRAGMA user_version = {FORMAT + 1}")
    newer.close()
    with ClusterProcess(tmp_path, IMAGES, lost.put) as other, pytest.raises(UnusableData, match="have format"):
        other.wait_until_up()


def _answers(cluster: ClusterProcess) -> bool:

    url = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    try:
        urlopen(f"{url}/version", context=ssl._create_unverified_context())  # noqa: S310, S323
    except HTTPError:
        return False
    return True
