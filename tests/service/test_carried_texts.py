"""Text that reads leave unwritten goes with the next pulse, and becomes a part where the log is unreadable."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.collecting import carried
from jobs_api.collecting.carried import Carried
from jobs_api.errors import ClusterUnavailable
from jobs_api.ingest import log_collecting
from jobs_api.ingest.log_collecting import NO_FOLLOWERS, Followers
from jobs_api.k8s.log_place import LogPlace
from jobs_api.model.carried_text import MOST_CARRIED_BYTES, CarriedText
from jobs_api.model.run import Run
from jobs_api.pulse import passes
from jobs_api.pulse.queue import PulseMessage
from tests.service.rotating_kubelet import RUNNING, RotatingKubelet, Table, numbers
from tests.service.test_collecting import Died


class Node(RotatingKubelet):
    """A kubelet that may be out of reach, in a cluster that says which Pod is the newest."""

    is_dead = False

    def newest_pod_name(self, _: str, __: str) -> str | None:
        return self.pod

    def log_begins(self, namespace: str, pod: str) -> str:
        self._answers()
        return super().log_begins(namespace, pod)

    def stamped_log(self, _: str, pod: str, **options: Any) -> Iterator[bytes]:
        self._answers()
        yield from super().stamped_log(_, pod, **options)

    def _answers(self) -> None:
        if self.is_dead:
            raise ClusterUnavailable("the node is dead")

    @property
    def cluster(self) -> Cluster:
        return cast("Cluster", self)


class Passes:
    """Passes over one run; each has what the message of the one before carries. `run` is what the tables have of it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.table, self.node = Table().use(patch), Node()
        self.run = RUNNING.model_copy(update={"job_uid": "uid", "pod_name": "pod-a"})
        self.message: tuple[CarriedText, ...] = ()
        patch.setattr(store, "find_runs", lambda *_: {self.run.id: self.run})
        log_collecting._last_reads.clear()

    def make_pass(
        self,
        message: Sequence[CarriedText] | None = None,
        *,
        most: int = MOST_CARRIED_BYTES,
        followers: Followers = NO_FOLLOWERS,
    ) -> None:
        received = self.message if message is None else message
        taken = Carried.of("org", received, on_part=log_collecting.note_part)
        self.node.wait(5)
        log_collecting.collect(self.node.cluster, self.run, self.node.now, taken, followers)
        self.message = _sent(taken.next(most))

    def supersede(self, message: Sequence[CarriedText]) -> None:
        Carried.of("org", message).write_unreadable(lambda: self.node.cluster)

    @property
    def told(self) -> list[int | None]:
        return numbers(self.table.text)


def _sent(texts: list[CarriedText]) -> tuple[CarriedText, ...]:
    """Send texts through the queue."""
    return PulseMessage.of_json(PulseMessage("org", 7, carried=tuple(texts)).json).carried


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Passes:
    return Passes(monkeypatch)


def test_the_log_of_a_young_run_is_carried_and_costs_no_write(world: Passes) -> None:
    for _ in range(4):
        world.node.print(2)
        world.make_pass()

    assert world.table.parts == {}
    (text,) = world.message
    assert numbers(text.text) == [*range(8)]


def test_carried_text_is_written_once_the_node_does_not_answer(world: Passes) -> None:
    world.node.print(2)
    world.make_pass()
    read_at = world.node.now()
    world.node.is_dead = True
    world.make_pass()
    world.make_pass()

    assert world.told == [0, 1]
    assert world.message == ()
    assert [one.written_at for one in world.table.parts.values()] == [read_at]


def test_a_node_that_answers_again_is_read_on_from_there(world: Passes) -> None:
    world.node.print(2)
    world.make_pass()
    world.node.is_dead = True
    world.make_pass()
    world.node.is_dead = False
    world.node.print(2)
    world.make_pass()
    world.node.wait(60)
    world.make_pass()

    assert world.told == [0, 1, 2, 3]


def test_a_log_that_is_read_seldom_is_carried_on_until_the_next_read(world: Passes) -> None:
    world.node.wait(40)
    world.node.print(2)
    world.make_pass()
    world.make_pass()
    world.node.is_dead = True
    log_collecting._last_reads.clear()
    world.make_pass()

    assert world.told == [0, 1]


def test_a_pod_that_was_replaced_is_read_on_in_the_new_one(world: Passes) -> None:
    world.node.print(2)
    world.make_pass()
    world.node.replace_pod("pod-b")
    world.node.print(2)
    world.make_pass()
    world.node.print(1)
    for _ in range(14):
        world.make_pass()

    assert world.told == [0, 1, None, 2, 3, 4]
    assert b"pod pod-a was replaced by pod-b" in world.table.text


def test_a_new_file_is_written_by_a_process_that_does_not_know_of_the_parts_of_the_one_before(world: Passes) -> None:
    world.node.print(2)
    world.make_pass(most=10)
    world.node.rotate()
    world.node.print(2, size=150_000)
    log_collecting._last_reads.clear()
    world.make_pass()

    assert world.told == [0, 1, None, 2, 3]


@pytest.mark.parametrize("size", [20, 150_000, 3_000_000])
@pytest.mark.parametrize("seconds", [0, 60])
def test_a_text_of_a_file_that_was_rotated_away_is_put_before_the_next_file(
    world: Passes, size: int, seconds: int
) -> None:
    world.node.print(2)
    world.make_pass()
    world.node.wait(seconds)
    world.make_pass()  # after a minute, a part
    log_collecting._last_reads.clear()
    world.node.print(2)
    world.make_pass()
    world.node.rotate()
    world.node.print(2, size=size)
    world.make_pass(followers=Followers(lambda: True, log_collecting.follow))
    world.node.wait(60)
    world.make_pass()

    assert world.told == [0, 1, 2, 3, None, 4, 5]


def test_texts_that_do_not_fit_are_written_the_largest_first(world: Passes) -> None:
    world.node.print(2)
    world.make_pass(most=10)
    assert (world.told, world.message) == ([0, 1], ())

    small, large = (
        CarriedText.of(name, LogPlace("pod-a x").text(), world.node.now(), bytes(range(200)) * n)
        for name, n in (("a", 1), ("b", 9))
    )
    both = Carried.of("org", [large, small])
    assert both.next(small.size + large.size) == [small, large]
    assert both.next(small.size + large.size - 1) == [small]
    assert both.next() == [small]


def test_text_that_was_written_because_it_did_not_fit_is_not_carried_again(world: Passes) -> None:
    world.node.print(2)
    world.make_pass(most=10)
    world.node.print(2)
    world.make_pass()
    (text,) = world.message
    assert (numbers(text.text), world.told) == ([2, 3], [0, 1])

    world.node.is_dead = True
    world.make_pass()
    assert world.told == [0, 1, 2, 3]


def test_many_texts_that_do_not_fit_are_written_at_the_same_time(
    world: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(carried.WORKERS, timeout=60)
    monkeypatch.setattr(carried, "write", lambda *_: together.wait() and None)
    runs = {f"run_{n}": world.run for n in range(carried.WORKERS)}
    monkeypatch.setattr(store, "find_runs", lambda *_: runs)
    place = LogPlace("pod-a x").text()
    Carried.of("org", [CarriedText.of(one, place, world.node.now(), b"a line\n") for one in runs]).write_all()


def test_a_text_that_cannot_be_written_keeps_no_pulse_from_being_sent_and_is_carried_on(
    world: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: Run, _: CarriedText) -> None:
        if run.id == "run_a":
            raise OSError("S3 is down")

    monkeypatch.setattr(carried, "write", refuse)
    runs = {name: world.run.model_copy(update={"id": name}) for name in ("run_a", "run_b")}
    monkeypatch.setattr(store, "find_runs", lambda *_: runs)
    place = LogPlace("pod-a x").text()
    texts = [CarriedText.of(name, place, world.node.now(), b"a line\n") for name in runs]
    unsent = Carried.of("org", texts)
    assert unsent.next(most=10) == []

    unsent = Carried.of("org", texts)
    unsent.write_all()
    assert [one.run_id for one in unsent.next()] == ["run_a"]

    world.node.is_dead = True
    with pytest.raises(OSError, match="S3 is down"):
        world.supersede(texts)


def test_a_message_is_no_larger_than_what_is_counted_for_it(world: Passes) -> None:
    texts = tuple(
        CarriedText.of(f"run_{n:026}", world.node.collector().read().place.text(), world.node.now(), b"ab\xff" * n)
        for n in range(50)
    )
    with_texts = len(PulseMessage("org", 7, carried=texts).json)

    assert with_texts - len(PulseMessage("org", 7).json) - 20 <= sum(one.size for one in texts)


def test_a_superseded_message_writes_only_what_cannot_be_read_any_more(world: Passes) -> None:
    world.node.print(2)
    world.make_pass()
    superseded = world.message
    world.supersede(superseded)
    assert world.table.parts == {}

    world.node.is_dead = True
    world.supersede(superseded)
    world.supersede(superseded)
    assert world.told == [0, 1]


def test_a_superseded_message_writes_nothing_of_a_run_that_has_ended(world: Passes) -> None:
    world.node.print(2)
    world.make_pass()
    world.node.is_dead = True
    world.run = Run.model_validate(world.run.model_dump(by_alias=True) | {"status": "failed"})
    world.supersede(world.message)

    assert world.table.parts == {}


def test_a_late_text_of_a_pod_that_was_replaced_is_not_put_behind_the_new_ones(world: Passes) -> None:
    world.node.print(2)
    world.make_pass()
    late = world.message
    world.node.replace_pod("pod-b")
    world.node.print(2)
    world.make_pass([])
    world.node.wait(60)
    world.make_pass()
    before = world.table.text
    world.supersede(late)
    world.node.print(1)
    world.node.wait(60)
    world.make_pass()

    assert world.table.text.startswith(before)
    assert world.told[-3:] == [2, 3, 4]


@pytest.mark.parametrize(
    "written",
    [
        None,
        "text",
        ["run", "", "2026-01-01T00:00:00+00:00"],
        ["run", "", "today", ""],
        ["run", "", "2026-01-01T00:00:00+00:00", "?"],
        ["run", "", "2026-01-01T00:00:00+00:00", "AAAA"],
        ["run", "", "2026-01-01T00:00:00+00:00", 7],
    ],
)
def test_a_text_that_nobody_sent_is_an_error(written: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        CarriedText.of_json(written)


@pytest.mark.parametrize("place", ["", "null", "[]", '["pod-a x", 5]', "7", LogPlace().text()])
def test_a_text_without_a_place_that_can_be_read_is_not_carried_on(world: Passes, place: str) -> None:
    world.node.print(2)
    world.make_pass([CarriedText.of(world.run.id, place, world.node.now(), b"another release")])
    world.make_pass()
    world.node.is_dead = True
    world.make_pass()

    assert world.told == [0, 1]


def test_a_text_that_would_fill_the_memory_is_an_error() -> None:
    run_id, place, read_at, _ = CarriedText.of("run", "", RUNNING.created_at, b"").as_json
    large = CarriedText.of("run", "", RUNNING.created_at, b"x" * (1024 * 1024 + 1)).as_json[3]
    with pytest.raises(ValueError, match="too long"):
        CarriedText.of_json([run_id, place, read_at, large])


class Story:
    """Passes whose messages are lost, doubled, late and superseded, while a Pod prints, dies and is replaced."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.world = Passes(patch)
        self.world.node.print()
        self.old: list[tuple[CarriedText, ...]] = [()]
        self.pods = 0

    def print(self) -> None:
        self.world.node.print(2)

    def print_much(self) -> None:
        self.world.node.print(2, size=150_000)

    def make_pass(self) -> None:
        self.world.make_pass()
        self.old.append(self.world.message)

    def lose_the_message(self) -> None:
        self.world.message = ()

    def ask_for_a_pass(self) -> None:
        superseded = self.world.message
        self.world.make_pass([])
        self.world.supersede(superseded)

    def deliver_again(self) -> None:
        self.world.supersede(self.old[-1])

    def deliver_late(self) -> None:
        self.world.supersede(self.old[len(self.old) // 2])

    def make_two_passes_at_once(self) -> None:
        message = self.world.message
        self.world.make_pass(message)
        self.world.make_pass(message)

    def make_a_pass_with_a_small_message(self) -> None:
        self.world.make_pass(most=100)

    def make_a_pass_in_another_process(self) -> None:
        log_collecting._last_reads.clear()
        self.make_pass()

    def die_at_the_write(self) -> None:
        def die() -> None:
            raise Died

        message, self.world.table.before_write = self.world.message, die
        with suppress(Died):
            self.world.make_pass()
        self.world.table.before_write = lambda: None
        # The queue hands it out again, but its generation is used up.
        self.world.supersede(message)

    def wait(self) -> None:
        self.world.node.wait(40)

    def lose_the_node(self) -> None:
        self.world.node.is_dead = True

    def find_the_node(self) -> None:
        self.world.node.is_dead = False

    def replace_the_pod(self) -> None:
        self.pods += 1
        self.world.node.is_dead = False
        self.world.node.replace_pod(f"pod-{self.pods}")

    def rotate(self) -> None:
        self.world.node.rotate()


STEPS = st.lists(
    st.sampled_from(
        [*[Story.print, Story.make_pass] * 3] + [step for name, step in vars(Story).items() if not name.startswith("_")]
    ),
    min_size=5,
    max_size=50,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_happens_to_messages_no_line_is_doubled_and_each_gap_is_reported(
    steps: list[Callable[[Story], None]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        story = Story(patch)
        for step in steps:
            step(story)
        world = story.world
        world.node.is_dead = False
        carried.Carried.of("org", world.message).write_all()
        world.node.collector(world.run).read(everything=True)

        lines = world.told
        told = [one for one in lines if one is not None]
        assert told == sorted(set(told))
        assert all(after == before + 1 for before, after in pairwise(lines) if before is not None and after is not None)
        assert not world.node.files[-1].text or lines[-1] == world.node.printed - 1


@settings(deadline=None)
@given(STEPS, st.sampled_from([Story.lose_the_node, Story.replace_the_pod]))
def test_lines_that_a_pass_has_read_are_kept_when_their_node_is_lost(
    steps: list[Callable[[Story], None]], end: Callable[[Story], None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        story = Story(patch)
        for step in steps:
            step(story)
        story.find_the_node()
        story.world.node.print()
        printed = story.world.node.printed
        log_collecting._last_reads.clear()
        story.make_pass()
        end(story)
        log_collecting._last_reads.clear()
        story.make_pass()

        assert printed - 1 in story.world.told


def test_a_carried_text_of_a_new_pod_says_what_may_be_missing_before_it(world: Passes) -> None:
    world.node.print(2)
    world.make_pass()
    world.node.is_dead = True
    world.make_pass()
    world.node.is_dead = False
    world.node.replace_pod("pod-b")
    world.node.print(1)
    log_collecting._last_reads.clear()
    world.run = world.run.model_copy(update={"pod_name": "pod-b"})
    world.make_pass()  # its process does not know of the part
    (text,) = world.message
    carried.write(world.run, text)
    carried.write(world.run, text)

    assert world.told == [0, 1, None, 2]


def test_a_log_for_which_no_follower_is_left_is_read_to_its_end_in_each_pass(world: Passes) -> None:
    world.node.print(60, size=100_000)
    world.make_pass()
    assert world.told == [*range(60)]
    world.node.print(30, size=100_000)
    world.make_pass()

    assert world.told == [*range(90)]
    assert all(part.followed_until is None for part in world.table.parts.values())


def test_a_pass_follows_so_many_logs_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[object]()
    monkeypatch.setattr(log_collecting, "follow", done.append)
    with passes.following_logs(2) as followers:
        taken = [followers.take_place() for _ in range(4)]
        followers.follow("a log")  # type: ignore[arg-type]

    assert taken == [True, True, False, False]
    assert done == ["a log"]
