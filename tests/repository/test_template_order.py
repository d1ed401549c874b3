"""template.yaml has the order of the README, and its exceptions for the security linter give reasons that are so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from samtranslator.yaml_helper import yaml_parse

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "template.yaml").read_text()
RESOURCES: Final[dict[str, Any]] = yaml_parse(TEXT)["Resources"]
NUMBERS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def groups() -> list[tuple[str, list[str]]]:
    """Return the functions of the template under the comments that head them, in its order."""
    found: list[tuple[str, list[str]]] = []
    for title, function in re.findall(r"^  # (.+)\n\n|^      CodeUri: functions/(\w+)$", TEXT, flags=re.MULTILINE):
        if title:
            found.append((title, []))
        else:
            found[-1][1].append(function)
    return [(title, functions) for title, functions in found if functions]


def statements(part: Any) -> Iterator[dict[str, Any]]:
    """Yield the statements of the policies in a part of the template."""
    if isinstance(part, dict) and "Action" in part and "Resource" in part:
        yield part
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from statements(inner)


def test_the_readme_lists_the_functions_in_the_order_and_groups_of_the_template() -> None:
    listed = (ROOT / "README.md").read_text().partition("The functions, in the order of template.yaml:")[2]
    rows = re.findall(r"^\| (.+) \| (`.+`) \|$", listed, flags=re.MULTILINE)

    assert [(title, re.findall(r"`(\w+)`", names)) for title, names in rows] == groups()


def test_every_folder_of_functions_is_in_the_template_once() -> None:
    named = [function for _, functions in groups() for function in functions]

    assert sorted(named) == sorted(app.parent.name for app in ROOT.glob("functions/*/app.py"))


def test_the_linters_exception_names_the_number_of_functions_that_read_the_log_bucket() -> None:
    (told,) = re.findall(r"# checkov:skip=CKV_AWS_18: opened by (\w+) functions alone", TEXT)
    openers = {
        name
        for name, resource in RESOURCES.items()
        if resource["Type"] == "AWS::Serverless::Function"
        and any("LogsBucket" in str(statement["Resource"]) for statement in statements(resource))
    }

    assert NUMBERS.index(told) == len(openers)
