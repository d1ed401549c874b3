"""Calls that wait for others: each organization has its own limit, which is freed however a call ends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from pynamodb.exceptions import UpdateError

from jobs_api.errors import TooManyCalls
from jobs_api.ids import new_id
from jobs_api.model.project import Project
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook.http import Answer
from jobs_api.store import waiting_calls
from jobs_api.store.waiting_calls import AT_ONCE, LEASE, WaitingCallsRow, Waits, waits
from tests.functions.acme import Acme
from tests.functions.people import NOON, Person

SECOND = timedelta(seconds=1)


@pytest.fixture
def organization() -> str:
    return f"org-{new_id()}"


@contextmanager
def as_many_as_may_be(organization_id: str, kind: Waits, now: datetime = NOON) -> Iterator[None]:
    with ExitStack() as inside:
        for _ in range(AT_ONCE[kind]):
            inside.enter_context(waits(organization_id, kind, now))
        yield


def waiting(organization_id: str, kind: Waits) -> set[str]:
    key = f"calls#{organization_id}#{kind.name.lower()}"
    return WaitingCallsRow.get(key, consistent_read=True).waiting or set()


@pytest.mark.parametrize("kind", Waits)
def test_calls_up_to_the_limit_wait_and_one_more_is_refused(organization: str, kind: Waits) -> None:
    with as_many_as_may_be(organization, kind):
        with pytest.raises(TooManyCalls, match=f"{AT_ONCE[kind]} {kind} of this organization"):
            waits(organization, kind, NOON).__enter__()
        assert len(waiting(organization, kind)) == AT_ONCE[kind]

    assert waiting(organization, kind) == set()
    with waits(organization, kind, NOON):
        pass


def test_each_organization_and_kind_of_call_is_counted_by_itself(organization: str) -> None:
    with as_many_as_may_be(organization, Waits.TESTS):
        with waits(organization, Waits.LIVE, NOON):
            pass
        with waits(f"{organization}-b", Waits.TESTS, NOON):
            pass


def test_a_call_counts_for_as_long_as_a_function_may_take(organization: str) -> None:
    later = NOON + timedelta(seconds=25)
    with as_many_as_may_be(organization, Waits.TESTS), pytest.raises(TooManyCalls):
        waits(organization, Waits.TESTS, later).__enter__()


def test_a_table_that_refuses_is_not_taken_for_too_many_calls(
    organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise UpdateError("out of reach")

    monkeypatch.setattr(WaitingCallsRow, "update", refused)
    with pytest.raises(UpdateError):
        waits(organization, Waits.TESTS, NOON).__enter__()


def test_a_call_that_fails_counts_no_longer(organization: str) -> None:
    with pytest.raises(ValueError, match="no"), waits(organization, Waits.LIVE, NOON):
        raise ValueError("no")

    assert waiting(organization, Waits.LIVE) == set()


def test_calls_whose_function_was_cut_off_count_until_they_must_have_ended(organization: str) -> None:
    cut_off = [waits(organization, Waits.TESTS, NOON) for _ in range(AT_ONCE[Waits.TESTS])]
    for call in cut_off:
        call.__enter__()

    with pytest.raises(TooManyCalls):
        waits(organization, Waits.TESTS, NOON + LEASE - SECOND).__enter__()
    with waits(organization, Waits.TESTS, NOON + LEASE + SECOND):
        assert len(waiting(organization, Waits.TESTS)) == 1


def test_only_the_limit_of_many_concurrent_calls_is_admitted(organization: str) -> None:
    leave = Event()

    def one(_: int) -> bool:
        try:
            with waits(organization, Waits.TESTS, NOON):
                return leave.wait(30)
        except TooManyCalls:
            return False

    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(one, number) for number in range(20)]
        while sum(one.done() for one in asked) < 20 - AT_ONCE[Waits.TESTS]:
            pass
        leave.set()

    assert sum(one.result() for one in asked) == AT_ONCE[Waits.TESTS]


def test_a_call_whose_end_cannot_be_recorded_still_has_its_answer(
    organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with waits(organization, Waits.LIVE, NOON):
        monkeypatch.setattr(WaitingCallsRow, "update", failing)
    monkeypatch.undo()

    assert len(waiting(organization, Waits.LIVE)) == 1


def failing(*_: object) -> None:
    raise UpdateError("the table is out of reach")


def test_live_calls_over_the_limit_get_a_retry_after(acme: Acme) -> None:
    job = acme.start("sleep 30")["metadata"]["name"]
    paths = ["/api/v1/jobs", f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/logs"]
    with as_many_as_may_be(acme.organization.id, Waits.LIVE):
        refused = [acme.alice.call("GET", path) for path in paths]

    assert [(answer.status, answer.json["code"]) for answer in refused] == [(429, "too_many_requests")] * 3
    assert {answer.headers["Retry-After"] for answer in refused} == {"5"}
    assert [acme.alice.call("GET", path).status for path in paths] == [200] * 3


def test_most_of_sixty_concurrent_tests_of_a_silent_receiver_are_refused_at_once(
    alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"name": "x", "command": "dbt run", "schedule": "@daily", "webhook_url": "https://hooks.example/"}
    job = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", body).json
    path = f"/api/v1/projects/{jaffle.id}/jobs/{job['id']}/notifications/test"
    answered = Event()

    def never(*_: Any) -> Answer:
        answered.wait(30)
        raise http.Unreachable("it does not answer")

    monkeypatch.setattr(http, "post", never)
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(alice.call, "POST", path) for _ in range(60)]
        while sum(one.done() for one in asked) < 60 - AT_ONCE[Waits.TESTS]:
            pass
        answered.set()
    statuses = sorted(one.result().status for one in asked)

    assert statuses == [200] * AT_ONCE[Waits.TESTS] + [429] * (60 - AT_ONCE[Waits.TESTS])


def test_the_table_forgets_an_organization_that_no_longer_asks(organization: str) -> None:
    with waits(organization, Waits.LIVE, NOON):
        row = WaitingCallsRow.get(f"calls#{organization}#live")

    assert row.expiration == int((NOON + waiting_calls.WAITING_KEPT_FOR).timestamp())
