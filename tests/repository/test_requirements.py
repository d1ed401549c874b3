"""Everything that a checkout installs is pinned with its hashes, uv itself too, and says of no registry where it is."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
WRITTEN = ("requirements/*.txt", "layers/*/requirements.txt", "local/images/*/requirements.txt")
# The image `python` has no packages.
PINNED = sorted(file for pattern in WRITTEN for file in ROOT.glob(pattern) if "==" in file.read_text())


@pytest.mark.parametrize("file", PINNED, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_package_has_one_version_and_its_hashes(file: Path) -> None:
    packages = re.split(r"^(?=[A-Za-z0-9])", file.read_text(), flags=re.MULTILINE)[1:]

    assert packages
    for package in packages:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,-]+\])?==\S+( ;.*)? \\\n    --hash=sha256:[0-9a-f]{64}", package), (
            package
        )


@pytest.mark.parametrize("file", PINNED, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_names_a_registry(file: Path) -> None:
    assert "index-url" not in file.read_text()
    assert "://" not in file.read_text()


def test_the_makefile_installs_nothing_without_its_hash() -> None:
    installs = [line for line in MAKEFILE.splitlines() if re.search(r"\bpip (install|sync)\b", line)]

    assert installs
    assert all("--require-hashes" in line for line in installs), installs


def test_make_lock_writes_every_file() -> None:
    written = set(re.findall(r"--output-file (\S+?);?(?: |$)", MAKEFILE, flags=re.MULTILINE))

    assert written == {str(file.relative_to(ROOT)) for file in PINNED}


def test_uv_is_the_pinned_one_whatever_the_machine_has() -> None:
    assert re.findall(r"^UV *:?=(.*)$", MAKEFILE, flags=re.MULTILINE) == [" .tools/uv/bin/uv"]
    assert re.search(r"^\.tools/uv/bin/uv: requirements/uv\.txt$", MAKEFILE, flags=re.MULTILINE)


def test_each_package_of_the_console_has_one_version_and_its_hash() -> None:
    wanted = json.loads((ROOT / "console/package.json").read_text())
    locked = json.loads((ROOT / "console/package-lock.json").read_text())["packages"]
    root = locked.pop("")

    for kind in ("dependencies", "devDependencies"):
        assert root[kind] == wanted[kind]
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted[kind].values())
    for name, package in locked.items():
        assert package["integrity"].startswith("sha512-"), name
        # npm's setting omit-lockfile-registry-resolved leaves it out.
        assert "resolved" not in package, name


def test_npm_installs_what_is_locked_and_runs_nothing_of_it() -> None:
    commands = [line for line in MAKEFILE.splitlines() if re.search(r"\bnpm (ci|install|i)\b", line)]

    assert commands
    assert all("npm ci " in line and "--ignore-scripts" in line for line in commands)
