"""A laptop's folder: its lock, its format, and a fresh start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.home import FORMAT, DamagedData, HomeTaken, UnusableData, hold, is_fresh, main

HOLDER = """
import os, subprocess, sys
from pathlib import Path
from local.home import hold
with hold(Path(sys.argv[1])) as home:
    home.serves_on(3999)
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_a_second_process_learns_which_process_holds_the_folder(tmp_path: Path) -> None:
    with hold(tmp_path) as first:
        first.serves_on(3123)
        with pytest.raises(HomeTaken, match=f"process {os.getpid()} on port 3123.*JOBS_API_HOME"), hold(tmp_path):
            pass


def test_a_second_process_learns_that_the_first_is_starting(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(HomeTaken, match="that is starting"), hold(tmp_path):
        pass


def test_an_earlier_holder_is_not_named(tmp_path: Path) -> None:
    with hold(tmp_path) as first:
        first.serves_on(3123)

    with hold(tmp_path), pytest.raises(HomeTaken, match="that is starting"), hold(tmp_path):
        pass


def test_a_killed_process_no_longer_holds_the_folder_though_its_child_lives(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        orphan = int(process.stdout.readline())
        try:
            with pytest.raises(HomeTaken, match=f"process {process.pid} on port 3999"), hold(tmp_path):
                pass
            process.kill()
            process.wait()
            os.kill(orphan, 0)
            with hold(tmp_path) as home:
                home.prepare(fresh=False)
        finally:
            os.kill(orphan, signal.SIGKILL)


def test_the_first_start_writes_the_format(tmp_path: Path) -> None:
    with hold(tmp_path) as home:
        assert home.prepare(fresh=False) == []
        assert home.prepare(fresh=False) == []

    assert (tmp_path / "format").read_text() == f"{FORMAT}\n"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (str(FORMAT + 1), f"format {FORMAT + 1}.* a newer version wrote it"),
        ("0", "format 0.* an older version wrote it"),
        ("", "no format number"),
        ("one", "no format number"),
    ],
)
def test_another_format_is_reported_with_the_remedy_and_the_data_are_moved_to_aside(
    tmp_path: Path, found: str, message: str
) -> None:
    (tmp_path / "format").write_text(found)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "data").write_text("precious")
    with hold(tmp_path) as home:
        with pytest.raises(UnusableData, match=f"{message}.*FRESH=1.*aside"):
            home.prepare(fresh=False)
        assert (tmp_path / "store" / "data").read_text() == "precious"

        (line,) = home.prepare(fresh=True)

    aside = Path(line.rpartition(" ")[2])
    assert aside.is_relative_to(tmp_path / "aside")
    assert (aside / "store" / "data").read_text() == "precious"
    assert (aside / "format").read_text() == found
    assert not (tmp_path / "store").exists()


def test_data_without_a_format_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()

    with hold(tmp_path) as home, pytest.raises(UnusableData, match="no format number"):
        home.prepare(fresh=False)


def test_damaged_data_is_reported_with_the_remedy(tmp_path: Path) -> None:
    with hold(tmp_path) as home:
        home.prepare(fresh=False)
        with pytest.raises(UnusableData, match=r"store is damaged: a byte is missing\. .*FRESH=1"), home.read():
            raise DamagedData(home.store, "a byte is missing")


def test_a_new_start_removes_data_that_could_be_read_and_nothing_else(tmp_path: Path) -> None:
    kept = ("cache", "images", "of somebody else")
    for name in ("store", "cluster", "pods", "jaffle", "analytics", *kept):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    (tmp_path / "format").write_text(str(FORMAT))

    with hold(tmp_path) as home:
        assert home.prepare(fresh=False) == []
        assert (tmp_path / "store" / "file").exists()
        assert home.prepare(fresh=True) == []

    assert {path.name for path in tmp_path.iterdir()} == {*kept, "format", "lock"}


def test_data_that_was_repaired_is_not_kept_aside_later(tmp_path: Path) -> None:
    with hold(tmp_path) as home:
        home.prepare(fresh=False)
        with pytest.raises(UnusableData), home.read():
            raise DamagedData(home.store, "a byte is missing")
        home.started()
        assert home.prepare(fresh=True) == []


@pytest.mark.parametrize(
    ("text", "meaning"), [("", False), ("0", False), ("no", False), ("1", True), ("TRUE", True), (" yes ", True)]
)
def test_fresh_accepts_a_yes_or_a_no(text: str, meaning: bool) -> None:  # noqa: FBT001
    assert is_fresh(text) is meaning


def test_any_other_value_of_fresh_is_refused() -> None:
    with pytest.raises(ValueError, match="FRESH must be 1"):
        is_fresh("perhaps")


def test_cleaning_waits_until_nobody_holds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    assert main(home) == 0
    assert not home.exists()
    with hold(home):
        assert main(home) == 1
    assert "make clean" in capsys.readouterr().err
    assert main(home) == 0
