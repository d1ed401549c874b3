"""A soak removes at its start only what a soak made."""

from pathlib import Path

import pytest

from tests.soak.home import MARK, ForeignFolder, prepare
from tests.soak.settings import Settings


def test_only_variables_of_its_own_decide(tmp_path: Path) -> None:
    foreign = {"HOME": str(tmp_path), "SECONDS": "1", "SEED": "9", "JOBS": "1", "MINUTES": "3"}
    assert Settings.of(foreign) == Settings()
    told = Settings.of({**foreign, "SOAK_HOME": str(tmp_path / "soak"), "SOAK_MINUTES": "2", "SOAK_SEED": "7"})
    assert (told.home, told.seconds, told.seed) == (tmp_path / "soak", 120, 7)


def test_a_folder_that_no_soak_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "functions.log").write_text("somebody's")
    (tmp_path / "cluster").mkdir()

    with pytest.raises(ForeignFolder, match="was not made by a soak"):
        prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cluster", "functions.log"]


def test_only_files_of_an_earlier_soak_are_removed(tmp_path: Path) -> None:
    home = tmp_path / "soak"
    prepare(home)
    (home / "cluster" / "images" / "dbt").mkdir(parents=True)
    (home / "cluster" / "pods" / "one").mkdir(parents=True)
    (home / "cluster" / "cluster").mkdir()
    (home / "store").mkdir()
    for name in ("functions.log", "notes.txt", "cluster/cluster/objects.sqlite", "store/data.sqlite3"):
        (home / name).write_text("")

    prepare(home)

    left = {str(path.relative_to(home)) for path in home.rglob("*")}
    assert left == {MARK, "notes.txt", "cluster", "cluster/images", "cluster/images/dbt"}
