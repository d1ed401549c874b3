"""GET /runs/{id}/logs?after=&wait= from a run's first to its last line, against a cluster with real processes."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobs_api.api import cursors
from jobs_api.ids import new_id
from jobs_api.k8s.log_place import LogPlace
from jobs_api.live import following
from jobs_api.logs import archive, log_bucket
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.store.run_rows import RunRow
from jobs_api.store.waiting_calls import Waits
from tests.functions.acme import Acme, until
from tests.functions.people import NOON, Person
from tests.functions.refusals import Refuse
from tests.functions.test_runs import a_run
from tests.functions.test_waiting_calls import as_many_as_may_be

MIB = 1024 * 1024


def ask(person: Person, run_id: str, **query: str) -> dict[str, Any]:
    answer = person.call("GET", f"/api/v1/runs/{run_id}/logs", query=query or {"after": ""})
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    assert found.keys() - {"message"} == {"run_id", "job_name", "status", "logs", "after", "done"}
    return found


def rest(person: Person, run_id: str, after: str = "") -> tuple[str, list[dict[str, Any]]]:
    """Follow until an answer has nothing more to give."""
    answers = [ask(person, run_id, after=after)]
    while answers[-1]["logs"] and not answers[-1]["done"]:
        answers.append(ask(person, run_id, after=answers[-1]["after"]))
    return "".join(answer["logs"] for answer in answers), answers


def ended_with(project: Project, log: bytes, begins: str | None = None, **values: Any) -> Run:
    run = a_run(project, status=RunStatus.SUCCESS, end_time=NOON, **values)
    stored, _ = archive.store_log(run, [log], begins=begins)
    RunRow(run.id).update(actions=[RunRow.log.set(stored.model_dump(mode="json"))])
    return run


def test_a_log_is_followed_from_its_pod_to_where_it_is_stored(acme: Acme, tmp_path: Path) -> None:
    run_id = new_id("run_")
    go = tmp_path / "go"
    job = acme.start(f"echo one; echo caf\u00e9; {until(go)}; echo three", run_id)
    acme.wait_for_pod(job)
    acme.ingest()

    begun, last = eventually_all(acme, run_id, "one\ncaf\u00e9\n")
    nothing = ask(acme.alice, run_id, after=last["after"])
    go.touch()
    acme.wait_for_end(job)
    unseen = ask(acme.alice, run_id, after=nothing["after"])
    acme.ingest()
    end = ask(acme.alice, run_id, after=unseen["after"])

    assert (nothing["logs"], nothing["status"], nothing["done"]) == ("", "running", False)
    assert (unseen["logs"], unseen["done"]) == ("three\n", False)
    assert (end["logs"], end["status"], end["done"]) == ("", "success", True)
    assert acme.log_of(acme.only_run()) == begun + "three\n" == rest(acme.alice, run_id)[0]
    # A cursor from before the end of the run is valid for the stored log too.
    assert rest(acme.alice, run_id, last["after"])[0] == "three\n"
    assert "message" not in end


def eventually_all(acme: Acme, run_id: str, text: str) -> tuple[str, dict[str, Any]]:
    """Follow until all of a text was given."""
    given, after = "", ""
    while len(given) < len(text):
        last = ask(acme.alice, run_id, after=after, wait="5")
        given, after = given + last["logs"], last["after"]
    assert given == text
    return given, last


def test_a_line_that_is_written_while_a_call_waits_is_given_at_once(acme: Acme, tmp_path: Path) -> None:
    run_id = new_id("run_")
    go = tmp_path / "go"
    job = acme.start(f"{until(go)}; echo now; sleep 60", run_id)
    acme.wait_for_pod(job)
    acme.ingest()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, acme.alice, run_id, wait="20")
        go.touch()
        answer = waiting.result(15)

    assert (answer["logs"], answer["done"]) == ("now\n", False)


def test_without_the_parameters_an_open_run_is_still_refused(alice: Person, jaffle: Project) -> None:
    run = a_run(jaffle, status=RunStatus.RUNNING)

    answer = alice.call("GET", f"/api/v1/runs/{run.id}/logs")

    assert (answer.status, answer.json["code"]) == (409, "run_not_completed")


def test_a_run_without_a_pod_has_no_line_yet(alice: Person, jaffle: Project) -> None:
    run = a_run(jaffle)

    answer = ask(alice, run.id, wait="0")

    assert (answer["logs"], answer["status"], answer["done"]) == ("", "pending", False)
    assert ask(alice, run.id, after=answer["after"])["after"] == answer["after"]


def test_a_cursor_of_another_run_or_an_invalid_one_is_refused(alice: Person, jaffle: Project) -> None:
    mine, other = (ended_with(jaffle, b"text\n") for _ in range(2))
    after = ask(alice, mine.id)["after"]

    for wrong in (ask(alice, other.id)["after"], "x", after[:-2], after + "A", "\u00e9", "A" * 1025):
        answer = alice.call("GET", f"/api/v1/runs/{mine.id}/logs", query={"after": wrong})
        assert (answer.status, answer.faulty_fields) == (422, ["after"])


@pytest.mark.parametrize("wait", ["-1", "21", "1.5", "long", ""])
def test_a_wait_that_is_no_number_of_seconds_up_to_20_is_refused(alice: Person, jaffle: Project, wait: str) -> None:
    answer = alice.call("GET", f"/api/v1/runs/{ended_with(jaffle, b'x').id}/logs", query={"wait": wait})

    assert (answer.status, answer.faulty_fields) == (422, ["wait"])


@pytest.mark.parametrize("content", ["\u65e5\U0001f600 line\n".encode(), b"\xff\xf0\n", b"\0", b"\xe6\x97"])
def test_a_long_stored_log_is_given_piece_by_piece(alice: Person, jaffle: Project, content: bytes) -> None:
    log = content * (3 * MIB // len(content)) + content[:2]

    text, answers = rest(alice, ended_with(jaffle, log, log_note="The log ends here").id)

    assert hashlib.sha256(text.encode()).digest() == hashlib.sha256(log.decode("utf-8", "replace").encode()).digest()
    assert 3 <= len(answers) <= 7
    assert answers[-1]["done"]
    # The message about lines that are missing at the end comes with the end.
    assert [answer["logs"] for answer in answers if "message" in answer] == [answers[-1]["logs"]]


def test_a_stored_log_without_a_byte_is_done(alice: Person, jaffle: Project) -> None:
    answer = ask(alice, ended_with(jaffle, b"").id)

    assert (answer["logs"], answer["done"]) == ("", True)


def test_a_run_that_never_started_is_done_and_says_why(alice: Person, jaffle: Project) -> None:
    run = a_run(jaffle, status=RunStatus.ERROR, end_time=NOON, log_note="There is no log")

    answer = ask(alice, run.id)

    assert (answer["logs"], answer["done"], answer["message"]) == ("", True, "There is no log")


def test_a_log_that_is_no_longer_kept_is_not_found(alice: Person, jaffle: Project) -> None:
    run = ended_with(jaffle, b"x")
    log_bucket.purge(jaffle.organization_id)

    assert alice.call("GET", f"/api/v1/runs/{run.id}/logs", query={"wait": "0"}).status == 404


def test_a_log_of_an_earlier_release_is_continued_to_its_end(alice: Person, jaffle: Project) -> None:
    run = ended_with(jaffle, b"one\ntwo\n")
    place = LogPlace(log="pod-a 2026-04-28T12:00:00.1Z", offset=4)

    answer = ask(alice, run.id, after=signed(run, place))

    assert (answer["logs"], answer["done"]) == ("two\n", True)


def signed(run: Run, place: LogPlace) -> str:
    key = cursors.organization_key(run.organization_id)
    return cursors.sign(place.text(), {"run_id": run.id}, key)


@pytest.mark.parametrize(
    ("begins", "message"),
    [
        ("pod-a 2026-04-28T12:09:00.1Z", following.LOST_BY_ROTATION),
        ("pod-b 2026-04-28T12:09:00.1Z", following.LOST_WITH_POD),
    ],
)
def test_lines_lost_between_the_pod_and_the_stored_log_are_reported(
    alice: Person, jaffle: Project, begins: str, message: str
) -> None:
    run = ended_with(jaffle, b"two\n", begins)
    place = LogPlace(log="pod-a 2026-04-28T12:00:00.1Z", offset=4)

    answer = ask(alice, run.id, after=signed(run, place))

    assert (answer["logs"], answer["done"]) == ("two\n", True)
    assert answer["message"] == f"{message}. The text before ended after 4 bytes"


def test_the_line_that_a_log_is_lost_follows_what_was_given(alice: Person, jaffle: Project) -> None:
    run = a_run(jaffle, status=RunStatus.ERROR, end_time=NOON)
    RunRow(run.id).update(actions=[RunRow.log.set(archive.what_is_left(run).model_dump(mode="json"))])

    answer = ask(alice, run.id, after=signed(run, LogPlace(log="pod-a 2026-04-28T12:00:00.1Z", offset=4)))

    assert (answer["logs"], answer["done"], answer["message"]) == (
        archive.LOST.decode(),
        True,
        following.LOST_WITH_NODE,
    )
    assert ask(alice, run.id, after=answer["after"])["logs"] == ""


def test_only_the_text_comes_where_only_text_is_wanted(alice: Person, jaffle: Project) -> None:
    path = f"/api/v1/runs/{ended_with(jaffle, b'text').id}/logs"

    assert alice.call("GET", path, query={"wait": "0"}, headers={"Accept": "text/plain"}).text == "text"


def test_followers_over_the_limit_get_a_retry_after(alice: Person, jaffle: Project) -> None:
    open_run, ended = a_run(jaffle), ended_with(jaffle, b"text")
    with as_many_as_may_be(jaffle.organization_id, Waits.FOLLOWERS):
        refused = alice.call("GET", f"/api/v1/runs/{open_run.id}/logs", query={"wait": "1"})
        no_results = alice.call("GET", f"/api/v1/runs/{open_run.id}/results")
        assert ask(alice, ended.id, wait="20")["done"]

    assert (no_results.status, no_results.headers["Retry-After"]) == (429, "5")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
    assert not ask(alice, open_run.id, wait="0")["done"]


@pytest.mark.parametrize("status", [403, 500])
def test_a_cluster_that_cannot_be_read_is_reported(acme: Acme, refuse: Refuse, status: int) -> None:
    run_id = new_id("run_")
    acme.wait_for_pod(acme.start("echo one; sleep 60", run_id))
    acme.ingest()
    for path in ("/log", "/pods"):
        refuse("GET", path, status=status)
        answer = acme.alice.call("GET", f"/api/v1/runs/{run_id}/logs", query={"wait": "0"})
        refuse()
        assert (answer.status, answer.json["code"]) == (503, "cluster_unavailable")

    assert eventually_all(acme, run_id, "one\n")
