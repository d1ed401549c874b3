"""Files that only their owner can read, with any umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import private_files
from local.cluster.clock import Clock
from local.cluster.kubelet.logs import Log


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_its_owners_also_where_it_was_there_before(tmp_path: Path, there: bool) -> None:  # noqa: FBT001
    path = tmp_path / "a"
    if there:
        path.mkdir()
        path.chmod(0o755)

    assert mode(private_files.folder(path)) == 0o700


def test_a_folder_that_all_share_stays_so(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    assert mode(private_files.folder(shared)) == 0o1777


@pytest.mark.parametrize("before", [None, 0o644])
def test_a_file_is_its_owners_also_where_it_was_there_before(tmp_path: Path, before: int | None) -> None:
    for path in (written := tmp_path / "written"), (opened := tmp_path / "opened"):
        if before:
            path.write_text("before")
            path.chmod(before)

    private_files.write(written, b"now")
    with open(opened, "w", opener=private_files.opener) as file:
        file.write("now")

    assert [(path.read_text(), mode(path)) for path in (written, opened)] == [("now", 0o600)] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opened", "written"]


def test_only_the_owner_can_read_a_pods_output(tmp_path: Path) -> None:
    log = Log(tmp_path / "job.log", Clock())
    log.data_received(b"x" * (11 * 1024 * 1024) + b"\n")
    log.rotate_if_large()
    log.connection_lost(None)

    files = list(tmp_path.iterdir())
    assert len(files) == 2
    assert {mode(path) for path in files} == {0o600}
