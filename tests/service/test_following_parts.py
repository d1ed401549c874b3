"""A log that is followed has from its parts what the Pod does not have any more, and each byte once."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from jobs_api.cluster import Cluster
from jobs_api.collecting import parts
from jobs_api.collecting.parts import Parts
from jobs_api.k8s.log_place import LogPlace
from jobs_api.live import following
from jobs_api.live.following import Followed, LogFollower
from jobs_api.logs import archive
from jobs_api.logs.restart_points import RestartPoints
from jobs_api.logs.stored_pieces import StoredFile
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run, RunStatus, StoredLog
from tests.service.rotating_kubelet import RUNNING, RotatingKubelet, Table, numbers


class FollowedKubelet(RotatingKubelet):
    """One that names its Pod."""

    def newest_pod_name(self, *_: str) -> str | None:
        """Name the Pod."""
        return self.pod

    def next(self, place: LogPlace, run: Run = RUNNING) -> Followed:
        """Follow."""
        place = LogPlace.read(place.text())
        return LogFollower(lambda: run, lambda: cast("Cluster", self), lambda: 0).next(run, place, timedelta())

    def rest(self, place: LogPlace = LogPlace(), run: Run = RUNNING) -> Iterator[Followed]:  # noqa: B008 - frozen
        """Follow until there is nothing more."""
        while (found := self.next(place, run)).text or found.place.log != place.log:
            yield found
            place = found.place


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table().use(monkeypatch)


def lines(answers: Iterator[Followed]) -> list[int | None]:
    return numbers("".join(one.text for one in answers).encode())


@pytest.mark.usefixtures("table")
def test_a_late_follower_gets_the_collected_parts_and_then_the_pod() -> None:
    node = FollowedKubelet()
    node.print(3)
    node.collector().read(everything=True)
    node.rotate()
    node.print(2)
    node.collector().read(everything=True)
    node.print(2)

    assert lines(node.rest()) == [0, 1, 2, None, 3, 4, 5, 6]


@pytest.mark.usefixtures("table")
def test_a_follower_within_a_rotated_file_gets_the_rest_of_it() -> None:
    node = FollowedKubelet()
    node.print(3)
    node.collector().read(everything=True)
    first = node.next(LogPlace())
    node.print(2)
    node.collector().read(everything=True)
    node.rotate()
    node.print(2)
    second = node.next(first.place)
    third = node.next(second.place)
    node.collector().read(everything=True)

    assert (numbers(first.text.encode()), numbers(second.text.encode()), third.text) == ([0, 1, 2], [3, 4], "")
    assert lines(node.rest(third.place)) == [None, 5, 6]


@pytest.mark.usefixtures("table")
def test_a_follower_that_paused_for_two_hundred_files_continues_where_it_was() -> None:
    node = FollowedKubelet()
    node.print(3)
    node.collector().read(everything=True)
    first = node.next(LogPlace())
    node.print(1)
    node.collector().read(everything=True)
    for _ in range(200):
        node.rotate()
        node.print(1)
        node.collector().read(everything=True)

    again = lines(node.rest(first.place))

    assert [one for one in again if one is not None] == [*range(3, 204)]


def test_a_file_that_nobody_has_collected_is_looked_for_in_few_parts(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_FILES", 4)
    node = FollowedKubelet()
    for _ in range(100):
        node.rotate()
        node.print(1)
        node.collector().read(everything=True)
    asked = list[int | None]()

    def last_log_part(run: Run, *, before: int | None = None) -> LogPart | None:
        asked.append(before)
        return table.last_log_part(run, before=before)

    monkeypatch.setattr("jobs_api.store.log_parts.last_log_part", last_log_part)

    found = Parts.of(RUNNING)
    assert found.find_start("pod-z 2000-01-01T00:00:00.000000000Z") is None
    assert len(asked) <= parts.MOST_STEPS + 1
    assert found.find_start("pod-z 2200-01-01T00:00:00.000000000Z") is None
    assert len(asked) <= parts.MOST_STEPS + 1


def test_a_pod_that_is_gone_leaves_what_was_collected(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    node = FollowedKubelet()
    node.print(3)
    node.collector().read(everything=True)
    node.pod = None
    monkeypatch.setattr(node, "newest_pod_name", lambda *_: "pod-a")

    assert lines(node.rest()) == [0, 1, 2]
    assert table.text


@pytest.mark.parametrize("seed", range(20))
def test_each_line_is_returned_once_wherever_a_call_ended(
    table: Table, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PIECE_BYTES", 100)
    node, chance, place, given = FollowedKubelet(), random.Random(seed), LogPlace(), b""  # noqa: S311 - no secret
    for _ in range(150):
        node.print(chance.randrange(3))
        if chance.random() < 0.3:
            node.collector().read(everything=True)
            if chance.random() < 0.4:
                node.rotate()
                node.print()
        found = node.next(place)
        place, given = found.place, given + found.text.encode()
    node.collector().read(everything=True)
    given += b"".join(one.text.encode() for one in node.rest(place))

    assert numbers(given) == numbers(table.text)
    assert [one for one in numbers(given) if one is not None] == [*range(node.printed)]


def kubelet_of_collected_files(count: int) -> FollowedKubelet:
    """Return one that has begun another file so often, each after ten lines that were collected."""
    node = FollowedKubelet()
    for _ in range(count):
        node.print(10)
        node.collector().read(everything=True)
        node.rotate()
    return node


def stored_of(table: Table) -> StoredFile:
    """Return what is stored of the collected log at its run's end: it names the newest files alone."""
    last = table.parts[max(table.parts)]
    return StoredFile("key", None, last.end, RestartPoints(1), dict(last.files[-archive.MOST_FILES_TOLD :]))


def test_a_follower_many_files_behind_at_the_end_of_a_run_continues_there(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PIECE_BYTES", 100)
    node = kubelet_of_collected_files(20)
    first = node.next(LogPlace())
    second = node.next(first.place)
    stored = stored_of(table)
    table.parts.clear()

    own, message = following._own_place(stored, RUNNING, second.place)

    assert (own.offset, message) == (len(first.text) + len(second.text), None)


def test_a_follower_that_stopped_at_the_end_of_an_early_file_continues_there(table: Table) -> None:
    node = FollowedKubelet()
    node.print(10)
    node.collector().read(everything=True)
    paused = node.next(LogPlace())
    for _ in range(20):
        node.rotate()
        node.print(10)
        node.collector().read(everything=True)

    own, message = following._own_place(stored_of(table), RUNNING, paused.place)

    assert paused.place.log
    assert (own.offset, message) == (len(paused.text), None)


def test_a_stored_log_of_many_files_is_returned_in_pieces_by_one_who_begins_late(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PIECE_BYTES", 100)
    node = kubelet_of_collected_files(20)
    last, text = table.parts[max(table.parts)], table.text
    first = next(iter(last.files))[0]
    stored = replace(stored_of(table), begins=first)
    monkeypatch.setattr(StoredFile, "read", lambda _, offset, limit: text[offset : offset + limit])
    monkeypatch.setattr(following, "stored_file", lambda _: stored)
    log = StoredLog(key="key", size_bytes=len(text))
    ended = RUNNING.model_copy(update={"status": RunStatus.SUCCESS, "log": log})
    table.parts.clear()

    answers, place = list[Followed](), LogPlace()
    while not answers or not answers[-1].done:
        answers.append(node.next(place, ended))
        place = answers[-1].place

    assert "".join(one.text for one in answers).encode() == text
    assert {one.message for one in answers} == {None}
