"""A person's answers to `sam deploy --guided` are written to a file that git ignores."""

import subprocess
import tomllib

from tests.functions.people import ROOT

EXAMPLE = tomllib.loads((ROOT / "samconfig.example.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_file_that_sam_writes_is_ignored() -> None:
    assert "/samconfig.toml" in (ROOT / ".gitignore").read_text().splitlines()


def test_it_is_no_part_of_the_repository() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607

    assert "samconfig.toml" not in tracked.stdout.splitlines()


def test_a_build_copies_it_where_there_is_none_and_leaves_one_that_is_there() -> None:
    assert "samconfig.toml:\n\tcp samconfig.example.toml $@\n" in MAKEFILE
    (build,) = (line for line in MAKEFILE.splitlines() if line.startswith("build:"))
    assert "samconfig.toml" in build.split("##")[0]


def test_the_example_names_no_region_profile_or_account() -> None:
    options = {
        name
        for environment in EXAMPLE.values()
        if isinstance(environment, dict)
        for command in environment.values()
        for name in command["parameters"]
    }

    assert not options & {"region", "profile", "s3_bucket", "s3_prefix", "image_repositories"}
    assert {"default", "prod"} <= EXAMPLE.keys()
