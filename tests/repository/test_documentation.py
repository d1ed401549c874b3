"""docs/ names every alarm, metric, parameter, command and figure, and none that does not exist."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from samtranslator.yaml_helper import yaml_parse

from benchmarks import costs
from jobs_api.metrics import Metric
from jobs_api.model.project import ProjectSettings
from jobsctl.__main__ import app
from tests.rehearsal.deployment import PARAMETERS

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "local").rglob("README.md")),
]
TEMPLATE: Final[dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text())
CONTRIBUTING: Final = (ROOT / "CONTRIBUTING.md").read_text()
OPERATIONS: Final = (ROOT / "docs/operations.md").read_text()
DEPLOY: Final = (ROOT / "docs/deploy.md").read_text()
REHEARSAL: Final = (ROOT / "docs/rehearsal.md").read_text()


def headings(page: str) -> list[str]:
    """Return the anchors of a page's headings, as GitHub makes them; what stands in code is none."""
    prose = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def section(page: str, title: str) -> str:
    """Return what stands under a heading, with the headings below it."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> set[str]:
    """Return the code words in the first cells of a section's tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", text, flags=re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def alarms() -> dict[str, str]:
    resources = TEMPLATE["Resources"]
    return {
        name: resource["Properties"]["AlarmDescription"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_every_alarm_leads_to_its_own_words() -> None:
    anchors = {re.search(r"\(docs/operations\.md#([\w-]+)\)$", text)[1] for text in alarms().values()}  # type: ignore[index]

    assert len(anchors) == len(alarms())
    assert anchors == set(headings(section(OPERATIONS, "Alarms")))


@pytest.mark.parametrize("alarm", re.split(r"^### ", section(OPERATIONS, "Alarms"), flags=re.MULTILINE)[1:])
def test_an_alarm_says_what_it_means_where_to_look_and_what_to_do(alarm: str) -> None:
    assert "**Means**" in alarm
    assert "**Look" in alarm
    assert "**Do**" in alarm or "**Look and do**" in alarm


def test_every_metric_is_explained_with_its_unit() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| .{10,} \|$", section(OPERATIONS, "Metrics"), flags=re.MULTILINE)

    assert dict(rows) == {metric.value: "Seconds" if metric is Metric.INGEST_LAG else "Count" for metric in Metric}


def test_every_field_of_the_log_is_explained() -> None:
    assert set(_logged_fields()) <= first_cells(section(OPERATIONS, "Log lines"))


def _logged_fields() -> Iterator[str]:
    """Yield the names under which anything is logged."""
    for file in (*ROOT.glob("layers/shared/python/**/*.py"), *ROOT.glob("functions/*/app.py")):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and re.fullmatch(
                r"logger\.(info|warning|error|exception|append_keys)", ast.unparse(call.func)
            ):
                yield from (word.arg for word in call.keywords if word.arg not in {None, "exc_info"} if word.arg)


def test_every_parameter_is_explained() -> None:
    assert first_cells(section(DEPLOY, "3. Deploy")) == set(TEMPLATE["Parameters"])


def test_every_output_is_explained() -> None:
    assert all(f"`{output}`" in DEPLOY for output in TEMPLATE["Outputs"])


def test_every_setting_of_a_project_is_explained() -> None:
    about_it = {"name", "project_type", "deployed", "suspended"}

    assert first_cells(section(DEPLOY, "5. An organization, a project, a token")) == (
        set(ProjectSettings.model_fields) - about_it
    )


def test_parameters_that_the_rehearsal_changes_are_listed() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `([\w.]+)` \|", section(REHEARSAL, "What MiniStack cannot do"), flags=re.MULTILINE
    )

    assert dict(rows) == PARAMETERS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        if "://" in file:
            continue
        found = (page.parent / file) if file else page
        assert found.exists(), target
        assert not anchor or anchor in headings(found.read_text()), target


def _scripts() -> list[str]:
    blocks = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
    return [script for page in PAGES for script in blocks.findall(page.read_text())]


@pytest.mark.parametrize("script", _scripts())
def test_documented_commands_are_valid_shell(script: str) -> None:
    checked = subprocess.run(["/bin/bash", "-n"], input=script, capture_output=True, text=True, check=False)

    assert not checked.stderr


@pytest.mark.parametrize("script", _scripts())
def test_a_line_of_documented_commands_has_one_comment_at_most(script: str) -> None:
    """Lines that were joined like those of a paragraph are one command and one long comment."""
    assert not [line for line in script.splitlines() if len(re.findall(r"(?<=\s)# ", line)) > 1]


def test_references_of_the_template_exist() -> None:
    for page, anchor in re.findall(r"\((docs/\w+\.md)(?:#([\w-]+))?\)", (ROOT / "template.yaml").read_text()):
        assert not anchor or anchor in headings((ROOT / page).read_text()), f"{page}#{anchor}"


def _commands() -> list[str]:
    text = "\n".join(page.read_text() for page in PAGES).replace("\\\n", " ")
    return sorted(set(re.findall(r"jobsctl (?:--stack \S+ )?((?:organization|project|token) [^|`#\n;)]+)", text)))


@pytest.mark.parametrize("command", _commands())
def test_jobsctl_knows_every_command_that_is_written_somewhere(command: str) -> None:
    noun, verb, *rest = command.split()
    groups: Any = typer.main.get_command(app)
    found = groups.commands[noun].commands[verb]

    known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in rest if word.startswith("--")} <= known


def test_every_command_is_written_somewhere() -> None:
    groups: Any = typer.main.get_command(app)
    there = {f"{noun} {verb}" for noun, group in groups.commands.items() for verb in group.commands}
    written = {" ".join(command.split()[:2]) for command in _commands()}

    assert there == written


def test_costs_are_what_the_arithmetic_gives() -> None:
    page = (ROOT / "docs/scale.md").read_text()

    assert all(line in page for line in costs.tables())


def test_costs_count_the_functions_there_are() -> None:
    functions = [found for found in TEMPLATE["Resources"].values() if found["Type"] == "AWS::Serverless::Function"]
    memory = TEMPLATE["Globals"]["Function"]["MemorySize"]

    assert sum(found["Properties"].get("MemorySize", memory) for found in functions) / 1024 == costs.FUNCTIONS_GB


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_]+/[\w/.]*\w)`", CONTRIBUTING))))
def test_a_file_that_contributing_names_is_there(name: str) -> None:
    assert (ROOT / name).exists() or (ROOT / "layers/shared/python" / name).exists()


# Made by `make`, or by a test.
NOT_TRACKED: Final = ("console/node_modules/", "functions/serve_console/site/", "tests/assert_w.sql")
NAMED_FILE: Final = re.compile(
    r"(?<![\w/.-])((?:tests|docs|functions|layers|local|benchmarks|deploy|jobsctl|cli|events|jobs_api|jobs_cli)"
    r"/[\w./-]+\.(?:py|md|json|ya?ml|sql|toml|gz))\b"
)


def test_every_file_that_a_text_of_the_repository_names_is_there() -> None:
    listed = subprocess.run(
        ["/usr/bin/env", "git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    tracked = set(listed.splitlines())
    places = ("", "layers/shared/python/", "cli/")
    texts = [name for name in tracked if name.endswith((".py", ".md", ".yaml", ".toml", "Makefile"))]

    gone = {
        f"{text} names {named}"
        for text in texts
        if (ROOT / text).exists()
        for named in NAMED_FILE.findall((ROOT / text).read_text())
        if not named.startswith(NOT_TRACKED) and not any(place + named in tracked for place in places)
    }

    assert not gone


def test_every_make_target_that_contributing_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z-]+)", CONTRIBUTING)) <= targets


def test_the_glossary_has_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)

    assert len(words) > 30
    assert len(words) == len(set(words))


def test_a_picture_is_small_and_some_page_shows_it() -> None:
    pictures = sorted((ROOT / "docs/pictures").glob("*.png"))
    shown = "".join(page.read_text() for page in PAGES)

    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= 60_000
        assert f"pictures/{picture.name}" in shown, picture.name
