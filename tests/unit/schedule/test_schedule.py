"""Which schedules and time zones are valid, compared with a real API server, and the messages to users."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api.schedule import InvalidSchedule, InvalidTimezone, check_timezone, fire_times, kubernetes_schedule, parse

DATA = Path(__file__).parents[2] / "data"
CRON_TRUTH: list[dict[str, Any]] = json.loads((DATA / "cron_truth_sample.json").read_text())["cases"]
ZONE_TRUTH: list[dict[str, Any]] = json.loads((DATA / "timezone_truth_sample.json").read_text())["cases"]
NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)


def rejection[E: ValueError](check: Callable[[str], object], text: str, kind: type[E]) -> E | None:
    try:
        check(text)
    except kind as error:
        return error
    return None


# The answers of a real API server.


def test_exactly_kubernetes_quantities_are_accepted() -> None:
    accepted = {
        case["expr"]: rejection(kubernetes_schedule, case["expr"], InvalidSchedule) is None for case in CRON_TRUTH
    }
    assert [case["expr"] for case in CRON_TRUTH if accepted[case["expr"]] != case["accepted"]] == []


def test_a_rejection_has_the_words_of_the_api_server_too() -> None:
    rejected = {case["expr"]: case["message"] for case in CRON_TRUTH if case["message"]}
    errors = {expression: rejection(kubernetes_schedule, expression, InvalidSchedule) for expression in rejected}
    assert [(e, rejected[e]) for e, error in errors.items() if error and error.kubernetes not in rejected[e]] == []


def test_we_are_stricter_than_kubernetes_only_where_the_contract_says_so() -> None:
    accepted = [case["expr"] for case in CRON_TRUTH if case["accepted"]]
    refused = {e: error for e in accepted if (error := rejection(parse, e, InvalidSchedule))}
    every = {e for e in accepted if e.startswith("@every ")}
    empty_items = {e for e in accepted if re.search(r"(^|[\s,]),|,([\s,]|$)", e)}
    never = {case["expr"] for case in CRON_TRUTH if case["next"] and not any(case["next"].values())}
    assert refused.keys() == every | empty_items | (never - every)
    assert {error.kubernetes for error in refused.values()} == {""}


def test_a_time_zone_is_what_kubernetes_takes_for_one_whatever_the_machine_has() -> None:
    # `right/` and `posix/` are folders of the host that the truth was recorded on.
    cases = [case for case in ZONE_TRUTH if not case["timeZone"].startswith(("right/", "posix/"))]
    errors = {case["timeZone"]: rejection(check_timezone, case["timeZone"], InvalidTimezone) for case in cases}
    assert [case["timeZone"] for case in cases if (errors[case["timeZone"]] is None) != case["accepted"]] == []


# Messages to users.


@pytest.mark.parametrize(
    ("expression", "advice"),
    [
        ("", "is empty; write five fields"),
        (" ", "has 0 fields rather than 5"),
        ("0 2 * *", "has 4 fields rather than 5"),
        ("0 0 2 * * *", "Kubernetes knows no seconds and no years"),
        ("0 0 12 ? * MON-FRI 2026", "Kubernetes knows no seconds and no years"),
        ("0 0 * * 7", "a day of week is 0 to 6 or sun to sat, and Sunday is 0"),
        ("0 0 * * 1-7", "Sunday is 0"),
        ("0 24 * * *", "an hour is 0 to 23, and midnight is 0"),
        ("60 * * * *", "a minute is 0 to 59, and the full hour is 0"),
        ("61 * * * *", "a minute is 0 to 59"),
        ("0 0 0 * *", "a day of month is 1 to 31"),
        ("0 0 * 13 *", "a month is 1 to 12 or jan to dec"),
        ("0 22-6 * * *", "write 22-23,0-6"),
        ("0 0 * * fri-mon", "write 5-6,0-1"),
        ("0 0 L * *", "Kubernetes has no L, W or #"),
        ("0 0 15W * *", "Kubernetes has no L, W or #"),
        ("0 0 * * 5#2", "Kubernetes has no L, W or #"),
        ("0 0 * * friL", "write fri"),
        ("0 0 * * monday", "write mon"),
        ("0 0 * january *", "write jan"),
        ("mon * * * *", "a minute is 0 to 59"),
        ("0 H * * *", "'H' is not an hour"),
        ("1-2-3 * * * *", "more than one dash"),
        ("*/2/3 * * * *", "more than one slash"),
        ("*/0 * * * *", "a step is at least 1"),
        ("*/-1 * * * *", "a step is at least 1"),
        ("*/ * * * *", "no number as its step"),
        ("-5 * * * *", "'-5' lacks a number"),
        ("1,,2 * * * *", "an empty item in its list"),
        ("1, * * * *", "an empty item in its list"),
        (", * * * *", "an empty item in its list"),
        ("@reboot", "one of @hourly, @daily"),
        ("@Daily", "one of @hourly, @daily"),
        ("@every 5m", "write five fields"),
        ("@every day", "@every is not supported"),
        ("TZ=Europe/Berlin 0 2 * * *", "into the field timezone"),
        ("CRON_TZ=UTC 0 2 * * *", "into the field timezone"),
        ("0 0 31 6 *", "never fires"),
        ("59 23 30,31 2 *", "never fires"),
        ("0 0 31 2,4,6,9,11 *", "never fires"),
        ("\u0665 * * * *", "a minute is 0 to 59"),
        ("9" * 30 + " * * * *", "a minute is 0 to 59"),
        ("1 " * 3000, "at most 4096"),
    ],
)
def test_a_rejection_says_what_would_be_right(expression: str, advice: str) -> None:
    with pytest.raises(InvalidSchedule, match=re.escape(advice)) as caught:
        parse(expression)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "expression",
    [
        "0 2 * * *",
        "0 2 ? * ?",
        "5/15 * * * *",
        "0 0 * JAN-Mar Mon,tUE",
        "*/90 * * * *",
        "0\t2\t*\t*\t*",
        "  0 2 * * *  ",
        "5-5 0 * * *",
        "0 0 29 2 *",
        "0 0 31 2 1",
        "007 +3 * * *",
        *("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"),
    ],
)
def test_common_ways_to_write_a_schedule_are_accepted(expression: str) -> None:
    parse(expression)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("America/New York", "did you mean America/New_York?"),
        ("berlin", "did you mean Europe/Berlin?"),
        ("Amerika/New_York", "did you mean America/New_York?"),
        ("GMT+2", "use an IANA name such as Europe/Berlin"),
        ("PST", "use an IANA name such as Europe/Berlin"),
        ("Local", "name a place"),
        ("local", "name a place"),
        ("", "leave it out for UTC"),
        ("posix/UTC", "there is no time zone"),
        ("localtime", "there is no time zone"),
        ("../../etc/passwd", "there is no time zone"),
        ("/etc/localtime", "there is no time zone"),
        ("UTC\n", "there is no time zone"),
        ("x" * 100_000, "use an IANA name such as Europe/Berlin"),
    ],
)
def test_an_unknown_time_zone_is_named_with_what_was_meant(name: str, advice: str) -> None:
    with pytest.raises(InvalidTimezone, match=re.escape(advice)) as caught:
        check_timezone(name)
    assert len(str(caught.value)) < 200


def test_fire_times_of_an_unknown_zone_fail_at_once() -> None:
    with pytest.raises(InvalidTimezone):
        fire_times("0 2 * * *", "Europe/Atlantis", NOON)


def test_a_time_without_a_zone_is_no_time_to_start_from() -> None:
    with pytest.raises(ValueError, match="aware"):
        fire_times("0 2 * * *", "UTC", datetime(2026, 4, 28))  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    "expression",
    [
        "1," * 2_000 + "1 * * * *",
        ",".join(f"1/{step}" for step in range(1, 600)) + " * * * *",
        "9" * 4_000 + " * * * *",
        "0" * 4_000 + " * * * *",
        "*/" + "9" * 4_000 + " * * * *",
        "*-" * 2_000 + "* * * * *",
        "* " * 2_000,
        "@every " + "1h" * 2_000,
        "L" * 4_000,
        "59 23 31 2 *",
        "0 0 29 2 1",
    ],
)
def test_a_hostile_expression_costs_next_to_nothing(expression: str) -> None:
    start = time.thread_time()
    for _ in range(10):
        rejection(parse, expression, InvalidSchedule)
    assert time.thread_time() - start < 5


ALPHABET = st.sampled_from(
    [*"0123456789*?,-/ \t@LW#=TZ", "mon", "JAN", "@every ", "@daily", "TZ=", "CRON_TZ=", "\x85", "\ud800", "İ"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(ALPHABET, max_size=30).map("".join) | st.text(max_size=60))
def test_anything_else_than_a_schedule_is_an_invalid_schedule(text: str) -> None:
    error = rejection(parse, text, InvalidSchedule)
    if error is None:
        assert rejection(kubernetes_schedule, text, InvalidSchedule) is None
    else:
        assert 0 < len(str(error)) < 300
        assert str(error).isprintable()
