"""A storm of failures is sent as a few messages, which contain everything important."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model.alert_targets import Event
from jobs_api.notifications.slack.alert_decision import Action, AlertDecision, Fact
from jobs_api.notifications.slack.gathering import GATHER_FOR, MOST_LISTED, MOST_SAID, WINDOW
from jobs_api.notifications.slack.grouping import MOST_CHANGES, decide, reminder_interval, wake
from jobs_api.notifications.slack.memory import Member, Storms

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)


@dataclass
class Channel:
    """A Slack channel over time: its messages, minute by minute, and the message that each delivery joined."""

    successes: bool = False
    storms: Storms = field(default_factory=Storms)
    waiting: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    said: list[tuple[datetime, str, list[str]]] = field(default_factory=list)
    decisions: list[AlertDecision] = field(default_factory=list)
    ends: list[tuple[str, datetime, Event]] = field(default_factory=list)

    def hear(
        self, minutes: float, event: Event, job: str = "a", cause: str = "boom", ended: float | None = None
    ) -> AlertDecision:
        """A run of the job ends, and is heard of at once, or later than it ended."""
        now = NOON + timedelta(minutes=minutes)
        self.pass_time(now)
        delivery = f"dlv_{len(self.decisions)}"
        ended_at = NOON + timedelta(minutes=minutes if ended is None else ended)
        fact = Fact(
            delivery_id=delivery,
            member=Member(job_id=job, job_name=job, run_id=f"run_{len(self.decisions)}"),
            event=event,
            ended_at=ended_at,
            now=now,
            cause=cause,
            succeeded_since=any(one == job and what is S and at > ended_at for one, at, what in self.ends),
            tells_successes=self.successes,
        )
        self.storms, decision = decide(self.storms, fact)
        # Through the form in which the table stores it.
        self.storms = Storms.model_validate(self.storms.model_dump(mode="json"))
        self.decisions.append(decision)
        self.ends.append((job, ended_at, event))
        if decision.action is Action.SEND:
            self.said.append((now, str(decision.kind), [job]))
        if decision.action is Action.WAIT:
            assert decision.until
            self.waiting[delivery] = (decision.until, job)
        return decision

    def pass_time(self, now: datetime) -> None:
        """Wake what has waited long enough."""
        for delivery, (until, job) in sorted(self.waiting.items(), key=lambda item: item[1][0]):
            if until > now:
                continue
            del self.waiting[delivery]
            self.storms, decision, gathering = wake(self.storms, delivery, job, max(until, NOON))
            self.storms = Storms.model_validate(self.storms.model_dump(mode="json"))
            if decision.action is Action.SEND:
                jobs = [member.job_id for member in gathering.members] if gathering else [job]
                self.said.append((until, str(decision.kind), jobs))

    def end(self) -> list[tuple[str, list[str]]]:
        """Let a day go by and return all that was said."""
        self.pass_time(NOON + timedelta(days=30))
        return [(kind, jobs) for _, kind, jobs in self.said]


F, S = Event.FAILURE, Event.SUCCESS

# name: (minute, event, job) in order; the channel's messages at the end.
CASES: dict[str, tuple[list[tuple[float, Event, str]], list[tuple[str, list[str]]]]] = {
    "it works": ([(0, S, "a"), (1, S, "a")], []),
    "it fails once": ([(0, F, "a")], [("failing", ["a"])]),
    "it fails and works again": ([(0, F, "a"), (1, S, "a")], [("failing", ["a"]), ("recovered", ["a"])]),
    "it goes on working after that": (
        [(0, F, "a"), (1, S, "a"), (2, S, "a"), (3, S, "a")],
        [("failing", ["a"]), ("recovered", ["a"])],
    ),
    "it fails a few times in a row": ([(0, F, "a"), (1, F, "a"), (2, F, "a")], [("failing", ["a"])]),
    "it fails every minute for an hour": ([(n, F, "a") for n in range(60)], [("failing", ["a"])]),
    "it goes on, and the channel is reminded": (
        [(n, F, "a") for n in range(64)],
        [("failing", ["a"]), ("reminder", ["a"])],
    ),
    "it fails every day": (
        [(n * 24 * 60, F, "a") for n in range(4)],
        [("failing", ["a"]), ("reminder", ["a"]), ("reminder", ["a"]), ("reminder", ["a"])],
    ),
    "it recovers before anybody was told": ([(0, F, "a"), (0.01, S, "a")], [("failing", ["a"])]),
    "a whole project fails at once": (
        [(0, F, "a"), (0.01, F, "b"), (0.02, F, "c"), (0.03, F, "d")],
        [("failing", ["a", "b", "c", "d"])],
    ),
    "and recovers at once": (
        [(0, F, "a"), (0.01, F, "b"), (9, S, "a"), (9.01, S, "b")],
        [("failing", ["a", "b"]), ("recovered", ["a", "b"])],
    ),
    "others follow within minutes": (
        [(0, F, "a"), (1, F, "b"), (2, F, "c")],
        [("failing", ["a"]), ("failing", ["b", "c"])],
    ),
    "others follow much later": ([(0, F, "a"), (6, F, "b")], [("failing", ["a"]), ("failing", ["b"])]),
    "it fails again before its recovery was read": (
        [(0, F, "a"), (1, S, "a"), (1.01, F, "a"), (1.02, F, "a")],
        [("failing", ["a"])],
    ),
    "it breaks for good after it had recovered": (
        [(0, F, "a"), (5, S, "a"), (30, F, "a")],
        [("failing", ["a"]), ("recovered", ["a"]), ("failing", ["a"])],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_channel_gets_the_messages_of_each_case(name: str) -> None:
    history, expected = CASES[name]
    channel = Channel()
    for minute, event, job in history:
        channel.hear(minute, event, job)

    assert channel.end() == expected


def test_different_causes_get_different_messages() -> None:
    channel = Channel()
    channel.hear(0, F, "a", cause="disk full")
    channel.hear(0.01, F, "b", cause="no such column")

    assert channel.end() == [("failing", ["a"]), ("failing", ["b"])]


def test_an_unstable_job_makes_a_few_messages_an_hour() -> None:
    channel = Channel()
    for minute in range(0, 60, 2):
        channel.hear(minute, F)
        channel.hear(minute + 1, S)

    assert len(channel.end()) <= 2 * MOST_CHANGES + 1


def test_an_unstable_job_that_stays_broken_is_posted_within_the_hour() -> None:
    channel = Channel()
    for minute in range(0, 20, 2):
        channel.hear(minute, F)
        channel.hear(minute + 1, S)
    channel.hear(20, F)
    channel.end()

    at, kind, _ = channel.said[-1]
    assert kind == "failing"
    assert at <= NOON + timedelta(minutes=62)


def test_successes_are_said_where_they_are_wanted_but_a_recovery_is_one_message() -> None:
    channel = Channel(successes=True)
    channel.hear(0, S)
    channel.hear(1, F)
    channel.hear(2, S)
    channel.hear(10, S)

    assert [kind for kind, _ in channel.end()] == ["success", "failing", "recovered", "success"]


def test_a_failure_that_arrives_after_the_next_success_is_posted() -> None:
    channel = Channel()
    channel.hear(0, S)

    assert channel.hear(10, F, ended=-90).action is Action.SEND
    assert channel.hear(11, F, ended=-80).action is Action.FOLD


def test_a_list_shows_who_recovered_before_it_was_sent() -> None:
    channel = Channel()
    channel.hear(0, F, "a")
    channel.hear(0.01, F, "b")
    channel.hear(0.02, S, "b")

    _, decision, gathering = wake(channel.storms, "dlv_0", "a", NOON + GATHER_FOR)

    assert decision.action is Action.SEND
    assert gathering
    assert [(member.job_id, member.recovered) for member in gathering.members] == [("a", False), ("b", True)]


def test_a_delivery_that_is_woken_twice_says_nothing_new() -> None:
    channel = Channel()
    channel.hear(0, F)
    storms, first, _ = wake(channel.storms, "dlv_0", "a", NOON + GATHER_FOR)
    _, second, _ = wake(storms, "dlv_0", "a", NOON + GATHER_FOR)

    assert (first.action, second.action) == (Action.SEND, Action.FOLD)


def test_a_part_of_a_long_list_keeps_its_own_errors() -> None:
    storms = Storms()
    for n in range(MOST_LISTED):
        member = Member(job_id=f"job_{n}", job_name="load", run_id="run_1", said=f"its own error {n}")
        fact = Fact(f"dlv_{n}", member, Event.FAILURE, ended_at=NOON, now=NOON, cause="one")
        storms, _ = decide(storms, fact)

    gathering = storms.windows["one"].gathering
    assert gathering
    assert len(gathering.members) == MOST_LISTED
    assert len({member.said for member in gathering.members if member.said}) == MOST_SAID


def test_a_list_has_an_end() -> None:
    channel = Channel()
    for number in range(150):
        channel.hear(0, F, f"job {number}")
    _, _, gathering = wake(channel.storms, "dlv_0", "job 0", NOON + GATHER_FOR)

    assert gathering
    assert (len(gathering.members), gathering.more) == (100, 50)


def test_reminders_slow_down_to_one_a_day() -> None:
    hours = [reminder_interval(count) / timedelta(hours=1) for count in range(8)]

    assert hours == [1, 2, 4, 8, 16, 24, 24, 24]


histories = st.lists(
    st.tuples(st.floats(0.01, 40), st.sampled_from(["a", "b", "c"]), st.sampled_from([F, F, S]), st.sampled_from("xy")),
    min_size=1,
    max_size=60,
)


@given(histories)
def test_a_channel_learns_the_last_state_of_each_job_in_few_messages(
    history: list[tuple[float, str, Event, str]],
) -> None:
    channel = Channel()
    minute = 0.0
    last: dict[str, Event] = {}
    for wait, job, event, cause in history:
        minute += wait
        channel.hear(minute, event, job, cause)
        last[job] = event
    channel.end()

    # The last message about a job says how it ended, except for a job that recovered before its failure was posted.
    told: dict[str, str] = {}
    for _, kind, jobs in sorted(channel.said):
        told.update(dict.fromkeys(jobs, kind))
    for job, event in last.items():
        if event is F:
            assert told[job] in {"failing", "reminder"}, job
    # Each recovery follows a posted failure, and each failure has at most one recovery.
    for job in last:
        kinds = Counter(kind for _, kind, jobs in channel.said if job in jobs)
        assert kinds["recovered"] <= kinds["failing"]
    # In an hour a job has a few messages at most.
    for begin in range(0, int(minute) + 60, 60):
        window = [NOON + timedelta(minutes=begin + extra) for extra in (0, 60)]
        for job in last:
            within = [kind for at, kind, jobs in channel.said if job in jobs and window[0] <= at < window[1]]
            assert len(within) <= 2 * (MOST_CHANGES + 1) + 2


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([F, S])), min_size=1, max_size=20), st.randoms())
def test_in_whatever_order_ends_arrive_the_newest_decides(ends: list[tuple[int, Event]], chance: Random) -> None:
    ends = list({minute: (minute, event) for minute, event in ends}.values())
    shuffled = list(ends)
    chance.shuffle(shuffled)
    channel = Channel()
    for at, (minute, event) in enumerate(shuffled):
        channel.hear(40 + at * 0.5, event, ended=minute)
    channel.end()

    newest = max(ends)[1]
    state = channel.storms.jobs.get("a")
    if newest is F:
        assert state
        assert state.failing_since
        assert any(kind == "failing" for _, kind, _ in channel.said)
    elif F in dict(ends).values():
        assert any(kind == "failing" for _, kind, _ in channel.said)
    if newest is S and state:
        assert state.failing_since is None


def test_windows_are_forgotten() -> None:
    channel = Channel()
    channel.hear(0, F)
    channel.hear(0 + WINDOW / timedelta(minutes=1) + 1, F)

    assert channel.storms.windows == {}
