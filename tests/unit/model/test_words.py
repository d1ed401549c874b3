"""Words: split as a real `sh` splits them, and nothing expanded."""

import subprocess
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs_api.model.words import Unbalanced, read, split
from tests.growth.growth import is_linear, repeated

PIECES = st.sampled_from(
    [
        *("a", "b-c", " ", "  ", "\t", "\\\n", "\\", "\\\\", "'", '"', "''", '""', "#", "$", "`", "~", "*", "?", "[x]"),
        *('"a b"', "'a b'", "\\'", '\\"', "\\$", "\\`", '"\\$"', '"\\n"', "{a,b}", "=", "!", "é", "日", "\u00a0", "\n"),
    ]
)
COMMANDS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(alphabet=" \t\n\\'\"#$`~ab*{}!=", max_size=24))


def shell(command: str) -> list[str]:
    """Return the words that the system's own `sh` makes of a command."""
    script = f"set -f\nprintf '%s\\0' sqlmesh {command}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, env={"HOME": "/nobody"})
    return done.stdout.decode().split("\0")[:-1]


@settings(deadline=None)
@given(COMMANDS)
@example("plan \\\n --auto-apply")
@example("\\\n run")
@example("a\\\nb")
@example("fetchdf \"select '\\$5'\"")
@example('"\\a \\" \\` \\\\ \\\nb"')
@example("a#b #c 'd\n")
@example("a \\\n#c")
@example("a\\\n#c")
@example("a''#c")
@example("# a \\\n")
@example('"^a$" b$ $')
@example("a~ '~' \\~ b/~")
@example("{ ! [ ] } done")
def test_words_are_those_of_a_real_shell(rest: str) -> None:
    command = f"sqlmesh {rest}"
    try:
        line = read(command)
    except Unbalanced:
        return
    if line.operator or line.expansion:
        return
    assert line.words == shell(rest)
    assert split(command) == line.words


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=4))
def test_a_quoted_text_is_one_word_whatever_it_contains(words: list[str]) -> None:
    quoted = [word.replace("'", "'\\''") for word in words]
    assert split(" ".join(f"'{word}'" for word in quoted)) == words


@pytest.mark.parametrize(
    ("command", "expansion"),
    [
        ("run $ENV", "$ENV"),
        ('run "$ENV"', "$ENV"),
        ("run a${ENV}", "${"),
        ('run "$(date)"', "$("),
        ("run $((1+1))", "$("),
        ("run `date`", "`"),
        ('run --select-model "`date`"', "`"),
        ("run $1", "$1"),
        ("run $@", "$@"),
        ("run $?", "$?"),
        ("run $$", "$$"),
        ("run $\\\nENV", "$ENV"),
        ('run "a$\\\nENV"', "$ENV"),
        ("run $'a'", "$'"),
        ('run "\\\\$ENV"', "$ENV"),
        ("run '$A' $B", "$B"),
        ("run ~/models", "~"),
        ("run \\\n~", "~"),
    ],
)
def test_text_that_a_shell_would_expand_is_named(command: str, expansion: str) -> None:
    assert read(command).expansion == expansion


@pytest.mark.parametrize(
    "command",
    ["run '$ENV'", "run \\$ENV", 'run "\\$ENV"', "run '`a`'", "run \\`a\\`", 'run "^a$"', "run a$ b", "run '~'", "a~b"],
)
def test_text_that_no_shell_would_expand_is_accepted(command: str) -> None:
    assert read(command).expansion is None


@pytest.mark.parametrize(
    ("command", "operator"),
    [
        ("run && a", "&&"),
        ("run;a", ";"),
        ("run > log", ">"),
        ("run\n\n a", "\n"),
        ("run # a\n b", "\n"),
        ("run \\\r\n a", "\n"),
        ("run\r\n", "\r"),
        ("run 'a;b' \"a|b\" a\\&b\n", None),
        ("\n run \\\n a\n# b\n", None),
    ],
)
def test_operators_are_found_outside_quotes_alone(command: str, operator: str | None) -> None:
    assert read(command).operator == operator


@pytest.mark.parametrize("command", ["run 'a", 'run "a', 'run "a\\"', "run a\\", "'", 'a "b" "'])
def test_quotes_come_in_pairs_and_a_backslash_has_something_behind_it(command: str) -> None:
    with pytest.raises(Unbalanced):
        read(command)


@pytest.mark.parametrize("piece", ["a", "\\\n", "'a'", '"', "$\\\n", "#", '"\\', "$", "`", "&"])
def test_a_long_command_takes_no_longer_for_its_length(piece: str) -> None:
    def reading(command: str) -> None:
        with suppress(Unbalanced):
            read(command)

    assert is_linear(reading, repeated(piece))
