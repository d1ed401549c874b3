"""One version: what the project, the API document and the changelog call it; and decisions that can be found."""

import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from jobs_api import VERSION

ROOT: Final = Path(__file__).parents[2]
CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text()
RELEASES: Final = re.findall(r"^## \[(.+)\] - (.+)$", CHANGELOG, flags=re.MULTILINE)
DECISIONS: Final = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
# https://keepachangelog.com/en/1.1.0/, and before them what an operator has to do.
KINDS: Final = ["Upgrade", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_the_project_has_the_version_of_the_service() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_api_document_has_the_version_of_the_service() -> None:
    assert json.loads((ROOT / "docs/openapi.json").read_text())["info"]["version"] == VERSION


def test_the_changelog_begins_with_the_version_of_the_service() -> None:
    assert RELEASES[0][0] == VERSION
    assert RELEASES[-1][0] == "0.1.0"


def test_the_changelog_goes_back_from_version_to_version_and_only_the_newest_may_have_no_date() -> None:
    versions = [numbers(version) for version, _ in RELEASES]
    dates = [date.fromisoformat(day) for version, day in RELEASES if (version, day) != (VERSION, "Unreleased")]

    assert len(RELEASES) == len(re.findall(r"^## ", CHANGELOG, flags=re.MULTILINE))
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("release", re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:])
def test_a_version_sorts_its_changes_by_kind_each_kind_once(release: str) -> None:
    kinds = re.findall(r"^### (.+)$", release, flags=re.MULTILINE)

    assert kinds == [kind for kind in KINDS if kind in kinds]


def test_every_decision_says_when_it_was_made_and_is_listed_with_that_day() -> None:
    rows = re.findall(
        r"^\| (\S+) \| \[(.+)\]\((.+)\) \|$", (ROOT / "docs/decisions/README.md").read_text(), re.MULTILINE
    )
    pages = [(page, page.read_text()) for page in DECISIONS]

    assert rows == [
        (re.search(r"^Decided on (\d{4}-\d\d-\d\d)\.", text, re.MULTILINE)[1], text.splitlines()[0][2:], page.name)  # type: ignore[index]
        for page, text in pages
    ]
    assert all(date.fromisoformat(day) for day, _, _ in rows)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_one_short_page(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 30


def test_there_are_ten_pages_of_decisions_at_most() -> None:
    assert len(DECISIONS) <= 10
