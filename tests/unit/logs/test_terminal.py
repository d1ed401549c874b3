"""A log as a terminal would have left it on the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.logs.records.terminal import plain

ESC = "\x1b"


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        (f"{ESC}[31mError: {ESC}[1mno{ESC}[0m", "Error: no"),
        (f"{ESC}[38;5;196mred{ESC}[m {ESC}[2K{ESC}[1Aup {ESC}[?25lhidden{ESC}[?25h", "red up hidden"),
        # Links: the text is kept, all of it; closed by BEL or by ST.
        (f"{ESC}]8;;https://x.test/a?b=c;d\aError: full{ESC}]8;;\a stop", "Error: full stop"),
        (f"{ESC}]8;id=1;file:///a b{ESC}\\models/a.sql{ESC}]8;;{ESC}\\:3", "models/a.sql:3"),
        (f"{ESC}]0;dbt build\aRunning", "Running"),
        (f"{ESC}]0;never closed\nError: no", "\nError: no"),
        (f"{ESC}P1$r0m{ESC}\\after a device string", "after a device string"),
        (f"{ESC}(B{ESC})0plain{ESC}=", "plain"),
        ("\x9b31mred\x9b0m \x9d0;title\x9c\x85next", "red \nnext"),
        ("no\bot a spinner: |\b/\b-\b\\\bdone", "not a spinner: done"),
        ("\b\bfirst", "first"),
        (" 10%\r 55%\r100% done", "100% done"),
        ("loading\rError: no\r   ", "Error: no"),
        ("one\r\ntwo\r\r\nthree", "one\ntwo\nthree"),
        ("bell\a null\0 unit\x1f delete\x7f tab\t.", "bell null unit delete tab\t."),
        (f"cut off at the end {ESC}[3", "cut off at the end "),
        (f"cut off at the end {ESC}", "cut off at the end "),
        ("日本 é ✓", "日本 é ✓"),
    ],
)
def test_terminal_sequences_are_removed(written: str, seen: str) -> None:
    assert plain(written) == seen


@given(st.text(st.sampled_from("a \x1b[]();8mKPB\\\a\b\r\n\x9b\x9c\x9d\0?1")))
def test_no_control_character_is_left(written: str) -> None:
    assert not set(plain(written)) & {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160)]}


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_text_without_control_characters_stays_unchanged(written: str) -> None:
    assert plain(written) == written
