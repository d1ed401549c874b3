"""A collected log is what was printed, each byte once, through cuts, rotations, deaths and new Pods."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api.collecting import rules
from jobs_api.collecting.following import Following
from jobs_api.collecting.parts import Parts
from jobs_api.errors import ClusterError, ClusterUnavailable
from jobs_api.k8s.log_place import LogPlace
from tests.service.rotating_kubelet import RUNNING, RotatingKubelet, Table, numbers

MINUTE = timedelta(minutes=1)


class Died(Exception):
    """A process has died."""


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table().use(monkeypatch)


def follow(node: RotatingKubelet, seconds: float = 14) -> None:
    Following(node.collector(), node.now() + timedelta(seconds=seconds)).run()


def test_collecting_writes_new_lines_after_a_minute_and_then_each_half_minute(table: Table) -> None:
    node = RotatingKubelet()
    node.print(3)
    node.wait(59)
    assert len(node.collector().read().unwritten) == 105
    assert table.text == b""
    node.wait(2)
    node.collector().read()
    node.print(2)
    node.collector().read()

    assert numbers(table.text) == [0, 1, 2]
    node.wait(30)
    node.collector().read()
    assert numbers(table.text) == [0, 1, 2, 3, 4]
    assert len(table.parts) == 2


def test_a_log_is_followed_before_what_a_look_has_read_is_written(table: Table) -> None:
    node, written = RotatingKubelet(), list[int]()
    node.print(90, size=100_000)

    def begin() -> bool:
        written.append(len(table.parts))
        return True

    assert node.collector().read(begin_following=begin).is_followed
    node.print(200, size=100_000)
    node.wait(5)
    assert node.collector().read(begin_following=begin).is_followed
    assert written == [0, 2]


def test_a_large_part_is_written_at_once_and_in_pieces(table: Table) -> None:
    node = RotatingKubelet()
    node.print()
    node.collector().read(everything=True)
    node.print(89, size=100_000)

    found = node.collector().read()

    assert not found.is_all
    assert found.may_lose_lines
    assert rules.MOST_READ_AT_ONCE / 2 <= len(table.text) <= rules.MOST_READ_AT_ONCE
    node.collector().read(everything=True)
    assert numbers(table.text) == [*range(90)]
    assert max(part.size for part in table.parts.values()) < rules.MOST_PART_BYTES + 200_000


def test_a_file_that_was_rotated_away_between_readings_is_a_line_in_the_log(table: Table) -> None:
    node = RotatingKubelet()
    node.print()
    node.wait(70)
    node.collector().read()
    node.print(lost := 2)
    node.rotate()
    node.print()
    node.wait(70)
    node.collector().read()
    node.collector().read(everything=True)

    assert numbers(table.text) == [0, None, 1 + lost]
    gap = table.text.splitlines()[1].decode()
    assert gap == ("[jobs-api: some output between 12:00:00 and 12:01:10 may be lost: the kubelet had rotated it away]")
    last = table.last_log_part(RUNNING)
    assert last
    assert (last.gaps, len(last.files)) == (1, 2)


def test_the_log_of_a_pod_that_was_replaced_stays(table: Table) -> None:
    node = RotatingKubelet()
    node.print()
    node.wait(70)
    node.collector().read()
    node.replace_pod("pod-b")
    node.print()
    node.wait(70)
    node.collector().read()

    assert numbers(table.text) == [0, None, 1]
    assert b"pod pod-a was replaced by pod-b" in table.text


def test_a_log_whose_beginning_nobody_has_seen_says_so(table: Table) -> None:
    node = RotatingKubelet()
    node.print()
    begun = RUNNING.model_copy(update={"log_begins": f"pod-a {node.log_begins('', 'pod-a')}"})
    node.rotate()
    node.print()
    node.collector(begun).read(everything=True)

    assert numbers(table.text) == [None, 1]
    assert Parts.of(RUNNING).after(LogPlace(), 1000) == (table.text, Parts.of(RUNNING).place)


def test_a_followed_log_continues_through_files_without_a_gap(table: Table) -> None:
    node = RotatingKubelet()

    def step() -> bool:
        node.wait(0.5)
        if node.printed % 70 == 1:
            node.rotate()
        node.print(10)
        return True

    node.step = step
    node.print()
    node.collector().read(everything=True)
    for _ in range(4):
        follow(node)

    assert numbers(table.text) == [*range(len(numbers(table.text)))]
    last = table.last_log_part(RUNNING)
    assert last
    assert last.gaps == 0
    assert len(last.files) > 3
    assert node.printed - len(numbers(table.text)) <= 50


def test_a_file_that_the_kubelet_leaves_out_of_its_stream_is_a_line_in_the_log(table: Table) -> None:
    node = RotatingKubelet()

    def step() -> bool:
        node.wait(3)
        node.print(2)
        if len(node.files) == 1:
            node.rotate()
            node.print(2)
        return node.printed < 20

    def leave_out() -> None:
        node.rotate()
        node.print(2)

    node.step, node.leaves_out = step, leave_out
    node.print()
    node.collector().read(everything=True)
    follow(node)

    assert numbers(table.text) == [0, 1, 2, None, *range(5, node.printed)]
    assert b"may be lost: the kubelet had rotated it away]" in table.text


def test_a_second_collector_leaves_a_rotated_file_to_the_first(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ROTATED_AT", 100)
    node, older = RotatingKubelet(), [True]

    def step() -> bool:
        node.wait(0.4)
        node.print(7)
        if node.printed % 30 == 0:
            node.rotate()
        if older[0] and node.printed > 100:
            older[0] = False
            follow(node, seconds=3)
        return True

    node.step = step
    node.print()
    node.collector().read(everything=True)
    follow(node)
    given = numbers(table.text)

    assert given == [*range(len(given))]
    assert node.printed - len(given) <= 100


def test_lines_of_a_dead_node_are_kept(table: Table) -> None:
    node = RotatingKubelet()

    def step() -> bool:
        node.wait(1)
        node.print(5)
        if node.printed > 20:
            node.replace_pod("pod-b")
        return True

    node.step = step
    follow(node)

    assert numbers(table.text)[:20] == [*range(20)]


@pytest.mark.parametrize("dies_at", range(6))
def test_a_process_that_dies_before_any_write_loses_and_doubles_nothing(table: Table, dies_at: int) -> None:
    node, left = RotatingKubelet(), [dies_at]

    def die() -> None:
        left[0] -= 1
        if left[0] < 0:
            table.before_write = lambda: None
            raise Died

    table.before_write = die
    for _ in range(8):
        node.print(3, size=100_000)
        node.wait(70)
        try:
            node.collector().read()
        except Died:
            continue

    node.collector().read(everything=True)
    assert numbers(table.text) == [*range(24)]


class Story:
    """A run whose log is collected by processes that look, follow, die, and know too little."""

    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.node, self.chance = table, RotatingKubelet(step=self.step), random.Random(seed)  # noqa: S311 - no secret
        self.node.print()
        self.stale = self.node.collector()

    def step(self) -> bool:
        self.node.wait(self.chance.random() * 3)
        self.node.print(self.chance.randrange(1, 4))
        if self.chance.random() < 0.3:
            self.node.rotate()
        return self.chance.random() < 0.9

    def print(self) -> None:
        self.node.print(self.chance.randrange(1, 5), size=self.chance.choice([10, 10, 200_000]))

    def wait(self) -> None:
        self.node.wait(self.chance.randrange(60))

    def rotate(self) -> None:
        self.node.rotate()

    def pod(self) -> None:
        self.node.replace_pod(f"pod-{self.chance.randrange(10**9)}")

    def look(self) -> None:
        self.node.collector().read()
        self.stale = self.node.collector()

    def look_with_old_knowledge(self) -> None:
        self.stale.pod_name = self.node.pod or ""
        self.stale.read()

    def follow(self) -> None:
        with suppress(ClusterError):
            follow(self.node)

    def die(self) -> None:
        left = iter(range(self.chance.randrange(3)))

        def die() -> None:
            if next(left, None) is None:
                raise Died

        self.table.before_write = die
        with suppress(Died):
            self.node.collector().read(everything=True)
        self.table.before_write = lambda: None


STEPS = st.lists(
    st.sampled_from(
        [
            *[Story.print, Story.look] * 2,
            *[Story.look_with_old_knowledge, Story.follow, Story.rotate, Story.pod, Story.wait, Story.die],
        ]
    ),
    min_size=5,
    max_size=60,
)


@settings(deadline=None)
@given(STEPS, st.integers(0, 1000))
def test_whatever_happens_no_line_is_doubled_and_each_gap_is_reported(
    steps: list[Callable[[Story], None]], seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        story = Story(Table().use(patch), seed)
        for step in steps:
            step(story)
        story.node.collector().read(everything=True)

        lines = numbers(story.table.text)
        told = [one for one in lines if one is not None]
        assert told == sorted(set(told))
        assert all(after == before + 1 for before, after in pairwise(lines) if before is not None and after is not None)
        assert not story.node.files[-1].text or lines[-1] == story.node.printed - 1


def test_a_second_collector_writes_each_line_once_and_the_first_ends(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "ROTATED_AT", 100)
    node, ended_at = RotatingKubelet(), list[int]()

    def step() -> bool:
        node.wait(0.5)
        node.print(7)
        if not ended_at and node.printed > 100:
            ended_at.append(0)
            follow(node, seconds=20)
            ended_at[0] = node.at
        return True

    node.step = step
    follow(node, seconds=15)

    assert numbers(table.text) == [*range(len(numbers(table.text)))]
    assert node.at - ended_at[0] < 15 * 10**9


def test_without_another_one_a_log_that_may_be_rotated_is_followed_for_longer(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "ROTATED_AT", 100)
    node = RotatingKubelet()
    begun = node.at

    def step() -> bool:
        node.wait(1)
        node.print(2)
        return True

    node.step = step
    follow(node, seconds=10)

    assert 10 + 30 <= (node.at - begun) / 10**9 < 10 + 30 + 3
    assert table.text


def test_a_question_that_is_not_answered_does_not_end_the_stream(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    node, asked = RotatingKubelet(), [0]
    begins = node.log_begins

    def answer(namespace: str, pod: str) -> str:
        asked[0] += 1
        if asked[0] in {2, 3}:
            raise ClusterUnavailable("busy")
        return begins(namespace, pod)

    def step() -> bool:
        node.wait(1)
        node.print(5)
        if node.printed == 15:
            node.rotate()
        return node.printed < 60

    monkeypatch.setattr(node, "log_begins", answer)
    node.step = step
    follow(node)

    assert numbers(table.text) == [*range(55)]  # the last five lines are read once nothing follows them
    assert asked[0] > 3
