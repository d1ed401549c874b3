"""The example projects: their files exist, and nothing is written into the repository."""

from pathlib import Path

import pytest

from jobs_api.model.commands import parse_command
from local.example_projects import EXAMPLES, Example

IMAGES = Path(__file__).parents[2] / "local" / "images"

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


@each_example
def test_its_image_and_its_folder_exist(example: Example) -> None:
    assert (IMAGES / example.image / "requirements.txt").is_file()
    assert list(example.working_directory.rglob("*.sql"))


@each_example
def test_its_deploy_command_could_be_a_job(example: Example) -> None:
    assert parse_command(" ".join(example.deploy_command), example.project_type) == list(example.deploy_command)


@each_example
def test_all_it_writes_goes_under_the_home_it_was_given(example: Example, tmp_path: Path) -> None:
    paths = [value for value in example.environment(tmp_path).values() if "/" in value]

    assert len(paths) >= 2
    assert all(Path(value).is_relative_to(tmp_path / example.name) for value in paths)


@each_example
def test_no_project_has_one_target_folder_for_all_runs(example: Example, tmp_path: Path) -> None:
    """Each Pod has one of its own, so that `dbt retry` and `state:modified` find here what they find on EKS."""
    assert "DBT_TARGET_PATH" not in example.environment(tmp_path)


@each_example
def test_duckdb_finds_the_folder_of_its_file(example: Example, tmp_path: Path) -> None:
    assert Path(example.environment(tmp_path)["DUCKDB_PATH"]).parent.is_dir()


@pytest.mark.parametrize("image", ["dbt", "sqlmesh"])
def test_every_package_of_an_image_has_a_hash_and_none_an_address(image: str) -> None:
    requirements = (IMAGES / image / "requirements.txt").read_text()

    assert requirements.count("==") <= requirements.count("--hash=sha256:")
    assert "://" not in requirements
