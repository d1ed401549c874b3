"""The rules for a job's command: which dbt and SQLMesh invocations may run, and how a command is split into words.

No shell runs a command. `jobs_api.model.words` splits it as a POSIX shell does. What only a shell could execute or
expand is rejected, so that no user believes that it has an effect. dbt's words are those of its own command line:
https://docs.getdbt.com/reference/dbt-commands, https://docs.getdbt.com/reference/global-configs/about-global-configs
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice

from jobs_api.model.words import Line, Unbalanced, read, split


class ProjectType(StrEnum):
    """The tool of a project; also the first word of each of its commands."""

    DBT = "dbt"
    SQLMESH = "sqlmesh"


class InvalidCommand(ValueError):
    """The command may not run; the text says why, and what would be right."""


DBT_SUBCOMMANDS = (
    "build",
    "clone",
    "compile",
    "debug",
    "deps",
    "docs generate",
    "list",
    "ls",
    "parse",
    "retry",
    "run",
    "run-operation",
    "seed",
    "snapshot",
    "source freshness",
    "test",
)

# Flags before the subcommand whose value is the next word; every other flag there is a switch. dbt Core has these as
# options of its `cli` group, those of the first five since 1.8 or 1.12; its help hides three of them. It wants the last
# five after the subcommand; dbt Fusion accepts them in both places.
_DBT_VALUE_FLAGS = frozenset(
    {
        "--deprecated-defer",
        "--deprecated-favor-state",
        "--deprecated-state",
        "--maximum-seed-size-mib",
        "--v2-parser",
        "--defer-state",
        "--indirect-selection",
        "--log-file-max-bytes",
        "--log-format",
        "--log-format-file",
        "--log-level",
        "--log-level-file",
        "--log-path",
        "--partial-parse-file-path",
        "--printer-width",
        "--profile",
        "--record-timing-info",
        "-r",
        "--state",
        "--target",
        "-t",
        "--warn-error-options",
        "--profiles-dir",
        "--project-dir",
        "--target-path",
        "--threads",
        "--vars",
    }
)
# https://sqlmesh.readthedocs.io/en/stable/reference/cli/
_SQLMESH_VALUE_FLAGS = frozenset({"--paths", "-p", "--config", "--gateway", "--log-file-dir", "--dotenv"})
_VALUE_FLAGS = {ProjectType.DBT: _DBT_VALUE_FLAGS, ProjectType.SQLMESH: _SQLMESH_VALUE_FLAGS}

_FORBIDDEN_IN_DBT = re.compile(r"[;&|<>`$()\\\n\r\v\f\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def parse_command(command: str, project_type: ProjectType) -> list[str]:
    """Split a job's command into the words that its container runs, the program's name first.

    Raises:
        InvalidCommand: it has unbalanced quotes or control characters, starts with another program, has nothing but
            the program's name, needs a shell, or is for dbt and has no subcommand that is allowed here.
    """
    project_type = ProjectType(project_type)
    _check_characters(command, project_type)
    line = _read(command)
    _check_for_a_shell_s_work(line)
    words = line.words
    if not words:
        raise InvalidCommand(f"the command is empty; it starts with {project_type}, such as {_EXAMPLES[project_type]}")
    if words[0] != project_type:
        raise InvalidCommand(
            f"the command starts with {_quoted(words[0])}; in this project it starts with {project_type}"
        )
    if len(words) == 1:
        raise InvalidCommand(f"{project_type} alone does nothing; add what it should do: {_EXAMPLES[project_type]}")
    if project_type is ProjectType.DBT:
        _check_dbt_subcommand(words)
    return words


def job_type(command: str | Sequence[str]) -> str:
    """Return a command's job type, its subcommand: `sqlmesh run` is `run`, `dbt docs generate` is `docs generate`.

    dbt's two-word subcommands keep their space, and `ls` stays `ls`; a command without a subcommand is a `run`.
    `parse_command` must accept the command, given as text or as words.
    """
    words = split(command) if isinstance(command, str) else list(command)
    return " ".join(_subcommand(words)) or "run"


_EXAMPLES = {ProjectType.DBT: "dbt build", ProjectType.SQLMESH: "sqlmesh run"}
_ALLOWED = frozenset(tuple(subcommand.split()) for subcommand in DBT_SUBCOMMANDS)
_DBT_GROUPS = frozenset(words[0] for words in _ALLOWED if len(words) > 1)


def _check_characters(command: str, project_type: ProjectType) -> None:
    control = _CONTROL.search(command)
    if control:
        raise InvalidCommand(f"the command has the control character {control.group()!r}; remove it")
    if project_type is ProjectType.DBT:
        forbidden = _FORBIDDEN_IN_DBT.search(command)
        if forbidden:
            raise InvalidCommand(
                f"a dbt command may not contain {_name_of(forbidden.group())}, not even in quotes: it runs without a "
                "shell. One command a job, with the values themselves rather than variables"
            )


def _read(command: str) -> Line:
    try:
        return read(command)
    except Unbalanced as error:
        reason = "ends in a backslash" if str(error) == "\\" else "opens a quote that it never closes"
        raise InvalidCommand(f"the command {reason}; write quotes in pairs") from error


def _check_for_a_shell_s_work(line: Line) -> None:
    # Outside quotes the bracket of `$(date)` is also an operator, and double quotes would not help.
    if line.operator and line.expansion != "$(":
        raise InvalidCommand(
            f"the command has {_name_of(line.operator)} outside quotes, which only a shell understands, and none runs "
            "it. One command a job; put quotes around the word if it belongs to it"
        )
    if line.expansion:
        raise InvalidCommand(
            f"the command has {_quoted(line.expansion)}, which a shell would expand, and no shell runs it. Write the "
            "value itself, or put the word in single quotes if it should stay as it is"
        )


def _check_dbt_subcommand(words: list[str]) -> None:
    subcommand = _subcommand(words)
    if subcommand in _ALLOWED:
        return
    allowed = ", ".join(DBT_SUBCOMMANDS)
    if not subcommand:
        raise InvalidCommand(f"the command has no subcommand after dbt's own flags; it is one of {allowed}")
    raise InvalidCommand(f"dbt {_quoted(' '.join(subcommand))} is not allowed in a job; allowed are {allowed}")


def _subcommand(words: list[str]) -> tuple[str, ...]:
    """Return a command's subcommand: one word, two if the first is a group of dbt, or none."""
    program, *rest = words or [""]
    if program not in set(ProjectType):
        return ()
    value_flags = _VALUE_FLAGS[ProjectType(program)]
    after = _after_flags(rest, value_flags)
    first = tuple(islice(after, 1))
    if program == ProjectType.DBT and _DBT_GROUPS.issuperset(first):
        return first + tuple(islice(_after_flags(after, value_flags), 1))
    return first


def _after_flags(words: Iterable[str], value_flags: frozenset[str]) -> Iterator[str]:
    """Skip the leading flags, each with its value, and return the words from the first other word on."""
    rest = iter(words)
    for word in rest:
        if _takes_next(word, value_flags):
            next(rest, None)
        elif word == "--" or not word.startswith("-"):
            if word != "--":
                yield word
            break
    yield from rest


def _takes_next(word: str, value_flags: frozenset[str]) -> bool:
    """Return whether the value of a flag is the next word. Short flags may be joined: `-dt prod` is `-d -t prod`."""
    if word.startswith("--") or not word.startswith("-"):
        return word in value_flags
    with_value = next((at for at, letter in enumerate(word[1:], start=1) if f"-{letter}" in value_flags), None)
    return with_value == len(word) - 1


def _name_of(character: str) -> str:
    return "a line break" if character.isspace() else character


def _quoted(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "…")
