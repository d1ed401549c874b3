"""Reads YAML with the line of each value. Texts stay texts: `17:00`, `on` and times are not turned into something else.

Plain scalars are read by YAML 1.2: null, true, false and numbers; `yes` and `17:00` are texts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jobs_cli.errors import CommandFailed

if TYPE_CHECKING:
    import yaml

# Each alias repeats everything in its anchor, and anchors may contain aliases.
MOST_VALUES: Final = 200_000
DEEPEST: Final = 50
WORDS: Final = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
TRUTHS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NUMBER: Final = re.compile(r"[-+]?\d{1,18}(\.\d{1,18})?", re.ASCII)
KNOWN_TAGS: Final = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}

# Values that people write without the quotes that YAML needs: `*/5 * * * *`, `@daily`, `dbt run --vars a: b`.
UNQUOTED: Final = re.compile(r"[ -]*(?P<key>\w+):[ ]+([*@`%]|[^'\"#\[{|>&!].*:[ ])", re.ASCII)

OPENING: Final = {"SequenceStartEvent", "MappingStartEvent"}
CLOSING: Final = {"SequenceEndEvent", "MappingEndEvent"}

Place = tuple["str | int", ...]


@dataclass(frozen=True)
class YamlFile:
    """The content of a file; `lines` has the line of each value by its place, such as `("jobs", 2, "schedule")`."""

    name: str
    content: Any
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """Return the line of a value, or of the nearest one around it."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)

    def fault(self, place: Place, message: str) -> str:
        """Return a message with the file and the line of a value."""
        return f"{self.name}:{self.line_of(place)}: {message}"


def read(text: str, name: str) -> YamlFile:
    """Read a file of one YAML document.

    Raises:
        CommandFailed: it is no YAML, has a key twice, or grows too large by its aliases; with the line.
    """
    import yaml  # noqa: PLC0415 - other commands do without it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml.parse(text, Loader=loader), name)
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        raise CommandFailed(_in_words(error, text, name)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise CommandFailed(f"{name}: this is no YAML: {error}") from error
    reader = _Reader(name)
    content = reader.value(node, ()) if node else None
    return YamlFile(name, content, reader.lines)


def _check_depth(events: "Iterable[yaml.Event]", name: str) -> None:
    """Raise CommandFailed where values are too deep in each other: `compose` in C would end the whole process."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind in OPENING
        depth -= kind in CLOSING
        if depth > DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise CommandFailed(f"{name}:{line}: this is more than {DEEPEST} lists and mappings in each other")


def _in_words(error: "yaml.MarkedYAMLError", text: str, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    indentation = re.match(r"\s*", lines[line - 1]) if line <= len(lines) else None
    if indentation and "\t" in indentation[0]:
        return f"{name}:{line}: a tab indents this line; YAML takes spaces"
    if line <= len(lines) and (found := UNQUOTED.match(lines[line - 1])):
        key = found["key"]
        return f"{name}:{line}: this is no YAML: put the text after {key}: into quotes, as in {key}: '...'"
    said = f"{error.context}: {error.problem}" if error.context else str(error.problem)
    return f"{name}:{line}: this is no YAML: {said}"


class _Reader:
    """Makes values of nodes; `read` counts them, also those of aliases, and `depth` is that of the place `()`."""

    def __init__(self, name: str, read: "list[int] | None" = None, depth: int = 0) -> None:
        self.name = name
        self.lines: dict[Place, int] = {}
        self._read = read or [0]
        self._depth = depth

    def value(self, node: Any, place: Place) -> Any:
        """Return what a node holds, and note the lines of all that is in it."""
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        self._read[0] += 1
        if self._read[0] > MOST_VALUES or len(place) + self._depth > DEEPEST:
            raise CommandFailed(f"{self.name}:{line}: this file is too large, or one of its aliases is in itself")
        if node.id == "scalar":
            return self._scalar(node, line)
        if node.tag not in KNOWN_TAGS:
            raise CommandFailed(f"{self.name}:{line}: the tag {node.tag} is not known here")
        if node.id == "sequence":
            return [self.value(one, (*place, at)) for at, one in enumerate(node.value)]
        return self._mapping(node, place)

    def _mapping(self, node: Any, place: Place) -> dict[str, Any]:
        merges = []
        content: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.id != "scalar":
                raise CommandFailed(f"{self.name}:{line}: a key must be a text")
            if key.value == "<<" and not key.style:
                merges.append((value, line))
                continue
            if key.value in content:
                first = self.lines[(*place, key.value)]
                raise CommandFailed(f"{self.name}:{line}: {key.value!r} stands here twice, first in line {first}")
            self.lines[(*place, key.value)] = line
            content[key.value] = self.value(value, (*place, key.value))
        for value, line in merges:
            for one in value.value if value.id == "sequence" else [value]:
                content = {**self._merged(one, place, line, content), **content}
        return content

    def _merged(self, node: Any, place: Place, line: int, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the mapping of an alias; the first one that has a key counts, the mapping itself before all."""
        if node.id != "mapping":
            raise CommandFailed(f"{self.name}:{line}: << takes an alias of a mapping, such as *defaults")
        reader = _Reader(self.name, self._read, self._depth + len(place) + 1)
        content: dict[str, Any] = reader.value(node, ())
        for at, its_line in reader.lines.items():
            if at and at[0] not in own:
                self.lines[(*place, *at)] = its_line
        return content

    def _scalar(self, node: Any, line: int) -> Any:
        text: str = node.value
        # The style of a plain scalar is None in the Python parser and an empty text in the C parser.
        if node.style:
            return text
        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise CommandFailed(f"{self.name}:{line}: the tag {node.tag} is not known here")
        if text in WORDS:
            return WORDS[text]
        if text in TRUTHS:
            return TRUTHS[text]
        if NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        return text
