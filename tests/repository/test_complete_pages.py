"""Lists and counts in docs/ are complete: pages, packages, functions, access entries, alarms, limits of parameters."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from samtranslator.yaml_helper import yaml_parse

import jobs_api
from benchmarks import costs

ROOT: Final = Path(__file__).parents[2]
TEMPLATE: Final[dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text())
SOURCE: Final = ROOT / "layers/shared/python/jobs_api"
PARTS: Final = {path.stem for path in SOURCE.iterdir() if path.stem.isidentifier() and not path.stem.startswith("__")}
NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def page(name: str) -> str:
    return (ROOT / name).read_text()


def how_many(kind: str) -> int:
    return sum(resource["Type"] == kind for resource in TEMPLATE["Resources"].values())


def test_the_list_of_pages_has_every_page() -> None:
    listed = set(re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", page("docs/README.md"), re.MULTILINE))

    assert {found.name for found in (ROOT / "docs").glob("*.md")} - {"README.md"} <= listed


def test_the_architecture_says_what_each_package_knows() -> None:
    parts = page("docs/architecture.md").partition("\n## The parts\n")[2].partition("\n## ")[0]
    named = {
        word for cell in re.findall(r"^\| ([^|]+) \|", parts, re.MULTILINE) for word in re.findall(r"`(\w+)`", cell)
    }

    assert named >= PARTS


def test_the_package_lists_all_its_packages() -> None:
    listed = (jobs_api.__doc__ or "").partition("\n- ")[2]

    assert set(re.findall(r"`(\w+)`", listed)) == PARTS


@pytest.mark.parametrize("name", ["docs/deploy.md", "docs/rehearsal.md"])
def test_a_page_counts_the_functions_there_are(name: str) -> None:
    counted = re.findall(r"(?:the|all) (\d+) (?:functions|move)", page(name))

    assert counted == [str(how_many("AWS::Serverless::Function"))]


def test_a_cluster_has_as_many_access_entries_as_the_pages_say() -> None:
    entries = NUMBERS[how_many("AWS::EKS::AccessEntry")]

    assert f"each has {entries} access entries" in page("docs/scale.md")
    assert f"the same {entries} roles" in page("docs/deploy.md")


def test_a_page_counts_the_functions_that_only_read_in_a_cluster() -> None:
    readers = TEMPLATE["Outputs"]["ClusterReaderRoles"]["Value"]["Fn::Join"][1]

    assert f"the {NUMBERS[len(readers)]} functions that only read there" in page("docs/deploy.md")


def test_the_alarms_cost_what_the_page_about_them_says() -> None:
    price = re.search(r"\[\$([\d.]+)\]\(scale\.md#pulses\) in all", page("docs/operations.md"))

    assert price
    assert float(price[1]) == pytest.approx(costs.ALARM_METRICS * 0.10)


def test_the_limits_of_the_pulse_are_those_of_the_template() -> None:
    named = r"\w*Pulse\w*|NotificationConcurrency"
    rows = re.findall(rf"^\| `({named})` \| ([\d,]+) \| ([\d,]+) \|", page("docs/limits.md"), re.MULTILINE)
    stated = {name: (int(least), int(most.replace(",", ""))) for name, least, most in rows}

    parameters = {name: found for name, found in TEMPLATE["Parameters"].items() if re.fullmatch(named, name)}
    assert stated == {name: (found["MinValue"], found["MaxValue"]) for name, found in parameters.items()}


def test_the_changelog_lists_a_change_under_one_version_alone() -> None:
    entries = re.findall(r"^- (.+(?:\n  .+)*)", page("CHANGELOG.md"), re.MULTILINE)

    assert len(entries) == len(set(entries))


def test_no_command_checks_out_a_tag_because_releases_have_none() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]

    assert not [found.name for found in pages if re.search(r"git \w+ v\d", found.read_text())]


def test_every_figure_has_a_command_that_exists() -> None:
    commands = re.findall(r"python\s-m\s([\w.]+)|pytest\s(tests/[\w/.]+)", page("docs/figures.md"))
    modules = {module for module, _ in commands if module}
    places = {place for _, place in commands if place}

    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").is_file()] == []
    assert [place for place in places if not (ROOT / place).exists()] == []
