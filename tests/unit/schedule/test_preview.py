"""A preview's warnings, compared with the times at which schedules fire."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.schedule import fire_times, timezones
from jobs_api.schedule.clock_changes import doubled_times
from jobs_api.schedule.preview import preview

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Beirut", "UTC"]


@pytest.mark.parametrize(
    ("expression", "timezone", "warnings"),
    [
        ("30 2 * * *", "UTC", []),
        ("* * * * *", "Europe/Berlin", []),
        ("0 * * * *", "Europe/Berlin", []),
        ("0 0 29 2 *", "Europe/Berlin", []),
        (
            "*/30 2 * * 0",
            "Europe/Berlin",
            [
                "from 02:00 to 03:00 on 2026-03-29, so it skips 02:00 and 02:30",
                "from 03:00 to 02:00 on 2026-10-25, so it fires twice at 02:00 and 02:30",
                "from 02:00 to 03:00 on 2027-03-28, so it skips 02:00 and 02:30",
            ],
        ),
        (
            "*/8 23 24 10 *",
            "Asia/Beirut",
            ["from 00:00 to 23:00 on 2026-10-25, so it fires twice at 8 times from 23:00 to 23:56 of 2026-10-24"],
        ),
        (
            "30 * 5 4 *",
            "Australia/Lord_Howe",
            ["from 02:00 to 01:30 on 2026-04-05, so it fires twice at 01:30"],
        ),
        (
            "0 3 4 10 *",
            "Australia/Lord_Howe",
            ["from 02:00 to 02:30 on 2026-10-04, and Kubernetes skips 03:00 on that day"],
        ),
    ],
)
def test_a_preview_warns_of_each_change_once(expression: str, timezone: str, warnings: list[str]) -> None:
    found = preview(expression, timezone, NOW, 1).warnings

    assert found == [f"clocks in {timezone} go {one}" for one in warnings]


@pytest.mark.slow
@given(
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=23),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=2),
    zone=st.sampled_from(ZONES),
)
def test_times_reported_as_firing_twice_fire_twice(hours: set[int], minutes: set[int], zone: str) -> None:
    expression = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * 3,4,10,11 *"
    until = NOW + timedelta(days=400)
    fired = takewhile(lambda at: at <= until, fire_times(expression, zone, NOW))
    local = Counter(at.astimezone(timezones.load(zone)).replace(tzinfo=None) for at in fired)

    doubled = [one.local for one in doubled_times(expression, zone, NOW, until)]

    assert sorted(doubled) == sorted(at for at, times in local.items() if times > 1)
