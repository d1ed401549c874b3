"""Modules of the console that need no page, in Node: schedules in words, lines of a log, lanes of a timeline."""

import json
import random
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from deploy.console import NODE, SOURCE
from jobs_api.schedule import fire_times
from jobs_api.schedule.grammar import InvalidSchedule, read

NOW = datetime(2026, 4, 28, tzinfo=UTC)
FIELDS = (
    ["*", "0", "30", "*/5", "*/7", "0,30", "5/15", "10-20", "7", "0/10", "15,45,50", "59"],
    ["*", "0", "2", "*/6", "*/5", "8,12,16", "9-17", "22-23", "8-18/2", "0/12"],
    ["*", "?", "1", "1,15", "*/2", "31", "1-5", "22", "3/10"],
    ["*", "1", "jan-mar", "*/3", "2,8", "FEB"],
    ["*", "?", "1-5", "0", "MON", "sat,sun", "1,3,5", "*/2", "tue-fri", "0-6"],
)


def in_node(module: str, expression: str, given: Any) -> Any:
    """Return what an expression of a module, in which `given` is known, is."""
    script = f"""
    import * as module from {json.dumps((SOURCE / "parts" / module).as_uri())};
    const given = {json.dumps(given)};
    process.stdout.write(JSON.stringify({expression}));
    """
    command = [str(NODE), "--no-warnings", "--input-type=module", "--eval", script]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_schedules_with_the_same_description_fire_at_the_same_times() -> None:
    chosen = random.Random(15)  # noqa: S311 - not for a secret
    schedules = sorted({" ".join(map(chosen.choice, FIELDS)) for _ in range(1500)} | {"@daily", "@hourly", "@weekly"})
    valid = [schedule for schedule in schedules if _is_valid(schedule)]

    words = in_node("schedule.js", "given.map(module.inWords)", valid)

    alike = defaultdict(list)
    for schedule, phrase in zip(valid, words, strict=True):
        alike[phrase].append(schedule)
    told_apart = {
        phrase: same
        for phrase, same in alike.items()
        if len({tuple(islice(fire_times(one, "UTC", NOW), 12)) for one in same}) > 1
    }
    assert told_apart == {}
    assert sum(phrase != schedule for phrase, schedule in zip(words, valid, strict=True)) > len(valid) / 4


def _is_valid(schedule: str) -> bool:
    try:
        read(schedule)
        return len(list(islice(fire_times(schedule, "UTC", NOW), 12))) == 12
    except InvalidSchedule:
        return False


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("* * * * *", "Every minute"),
        ("0 2 * * *", "Every day at 02:00"),
        ("@weekly", "On Sundays at 00:00"),
        ("30 2 * * 1-5", "On weekdays at 02:30"),
        ("*/15 8-18 * * *", "Every 15 minutes from 08:00 to 18:45"),
        ("0 0 1,15 * *", "On the 1st and 15th at 00:00"),
        ("0 8 * jan,feb sat,sun", "At weekends at 08:00 in January and February"),
        ("0 0 */2 * *", "0 0 */2 * *"),
    ],
)
def test_a_schedule_is_described_in_words_or_shown_unchanged(schedule: str, words: str) -> None:
    assert in_node("schedule.js", "module.inWords(given)", schedule) == words


def test_a_log_has_the_same_lines_whatever_the_pieces_in_which_it_comes() -> None:
    text = "".join(f"line {number} \x1b[31mERROR\x1b[0m\n" for number in range(40)) + '{"info": {"msg": "end"}}'
    chosen = random.Random(16)  # noqa: S311 - not for a secret
    cuts = [sorted(chosen.sample(range(len(text)), 6)) for _ in range(30)]
    parts = [[text[a:b] for a, b in zip([0, *cut], [*cut, len(text)], strict=True)] for cut in cuts]
    read_all = """given.map((parts) => {
      const log = new module.LogText();
      parts.forEach((part) => log.append(part));
      return [log.lines, log.lines.map((_, at) => log.level(at))];
    })"""

    found = in_node("log_text.js", read_all, [[text], *parts])

    assert found[0][0][:2] == ["line 0 ERROR", "line 1 ERROR"]
    assert found[0][0][-1].endswith("end")
    assert all(one == found[0] for one in found[1:])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("10 %\r55 %\r\x1b[K100 %", "100 %"),
        ("of Windows\r", "of Windows"),
        ("\x1b[1mbold\x1b(B\x1b[m of tput", "bold of tput"),
        ("\x1b[38:2::1:2:3mcolour\x1b[0m\x1b=\x1b[>4;2m", "colour"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x07", "link"),
        ("bell\x07, back\x08, a\ttab", "bell, back, a\ttab"),
        ("cut off \x1b[3", "cut off 3"),
        (json.dumps({"info": {"msg": "\x1b[32mOK\x1b[0m\n\x1b(B", "ts": "2026-04-28T02:00:07Z"}}), "02:00:07  OK "),
    ],
)
def test_a_log_line_is_shown_as_a_terminal_would_leave_it(written: str, shown: str) -> None:
    read = "(() => { const log = new module.LogText(); log.append(given); return log.lines; })()"

    assert in_node("log_text.js", read, written + "\n") == [shown]


MINUTE = 60_000


@pytest.mark.parametrize(
    ("answers", "ahead"),
    [
        ([(0, 0, 500)], 0),
        ([(-1, 0, 500)], 0),
        ([(-3 * MINUTE, 0, 500)], 3 * MINUTE),
        ([(3 * MINUTE, 0, 0)], -3 * MINUTE),
        # A request that waits for log lines may be answered at any time of its 20 seconds, here at their end.
        ([(-MINUTE, 0, 500), (20_000 - MINUTE, 0, 20_000)], MINUTE),
        ([(-3 * MINUTE, 0, 500), (0, 0, 500)], 0),
    ],
)
def test_the_time_is_that_of_the_api_where_the_own_clock_is_wrong(
    answers: list[tuple[int, int, int]], ahead: int
) -> None:
    noon = 1_777_377_600_000
    compared = """(() => {
      for (const [date, sentAt, answeredAt] of given.answers) {
        Date.now = () => given.noon + answeredAt;
        module.compare(new Date(given.noon + date).toUTCString(), given.noon + sentAt);
      }
      return Date.now() - module.now();
    })()"""

    assert in_node("clock.js", compared, {"answers": answers, "noon": noon}) == ahead


def test_a_continued_search_finds_the_same_as_a_new_one() -> None:
    search = """(() => {
      const log = new module.LogText(), going = module.finder();
      return given.map((part) => { log.append(part); return [going(log, "Needle"), module.finder()(log, "Needle")]; });
    })()"""

    found = in_node("log_text.js", search, ["a NEEDLE\nnee", "dle\nx\n", "needle needle\n", "nothing"])

    assert [going for going, _ in found] == [new for _, new in found]
    assert found[-1][0] == [0, 1, 3]


def test_bars_of_one_lane_do_not_overlap_and_there_are_no_more_lanes_than_threads() -> None:
    chosen = random.Random(17)  # noqa: S311 - not for a secret
    free, nodes = [1000.0] * 4, []
    for number in range(300):
        thread = free.index(min(free))
        seconds = chosen.uniform(0, 9)
        began = datetime.fromtimestamp(free[thread], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        nodes.append({"name": str(number), "started_at": began, "seconds": seconds})
        free[thread] += seconds

    found = in_node("lanes_of_nodes.js", "module.laid(given)", nodes)

    assert len(found["bars"]) == 300
    ends: dict[int, float] = {}
    for bar in found["bars"]:
        assert bar["from"] >= ends.get(bar["lane"], 0) - 1e-6
        ends[bar["lane"]] = bar["from"] + bar["took"]
    assert found["lanes"] <= 6
