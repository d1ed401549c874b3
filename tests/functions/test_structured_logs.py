"""The service's own log: lines of JSON that name what they are about, and no secret."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from jobs_api import store
from jobs_api.api import resolver
from jobs_api.ingest import run_work
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from tests.functions.acme import Acme
from tests.functions.people import Person
from tests.functions.refusals import Refuse

type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """The lines that were written since it was asked for last."""
    log = StringIO()
    for logger in (resolver.logger, run_work.logger):
        for handler in logger.handlers:
            monkeypatch.setattr(handler, "stream", log)

    def written() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in log.getvalue().splitlines()]
        log.truncate(0)
        log.seek(0)
        return found

    return written


def test_a_request_that_fails_is_found_by_its_id_and_by_what_it_was_about(
    alice: Person, jaffle: Project, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(store, "get_job", fail)

    answer = alice.call(
        "GET", f"/api/v1/projects/{jaffle.id}/jobs/job_1", headers={"Authorization": "Bearer jat_a_secret"}
    )

    assert answer.status == 500
    (line,) = (line for line in lines() if line["level"] == "ERROR")
    assert (line["request_id"], line["organization_id"]) == (answer.json["request_id"], alice.organization_id)
    assert (line["project_id"], line["job_id"]) == (jaffle.id, "job_1")
    assert line["route"] == "/api/v1/projects/{id}/jobs/{job_id}"
    assert "the disk is full" in line["exception"]
    assert "jat_a_secret" not in json.dumps(line)


def test_ids_of_one_request_are_not_in_the_lines_of_the_next(
    alice: Person, jaffle: Project, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(store, "get_job", fail)
    monkeypatch.setattr(store, "get_run", fail)
    alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/job_1")
    lines()

    alice.call("GET", "/api/v1/runs/run_1")

    (line,) = (line for line in lines() if line["level"] == "ERROR")
    assert line["run_id"] == "run_1"
    assert "job_id" not in line


def test_a_very_long_id_is_shortened_in_a_log_line(
    alice: Person, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(store, "get_run", fail)

    alice.call("GET", f"/api/v1/runs/{'x' * 60_000}")

    (line,) = (line for line in lines() if line["level"] == "ERROR")
    assert len(line["run_id"]) < 200


def test_a_success_has_no_line_of_its_own_which_would_cost_more_than_its_count(acme: Acme, lines: Lines) -> None:
    acme.finish("true")

    acme.ingest()

    assert acme.only_run().status is RunStatus.SUCCESS
    assert not [line for line in lines() if line["message"] == "run ended"]


def test_each_end_of_a_run_that_did_not_succeed_is_a_line_with_its_ids(acme: Acme, lines: Lines) -> None:
    acme.finish("exit 3")

    acme.ingest()

    run = acme.only_run()
    (line,) = (line for line in lines() if line["message"] == "run ended")
    assert {name: line[name] for name in ("organization_id", "project_id", "job_id", "run_id", "status")} == {
        "organization_id": acme.organization.id,
        "project_id": acme.project.id,
        "job_id": acme.job.id,
        "run_id": run.id,
        "status": "failed",
    }


def test_the_log_line_of_a_delayed_launch_names_its_run(acme: Acme, refuse: Refuse, lines: Lines) -> None:
    refuse("batch")

    answer = acme.alice.call("POST", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}/trigger")

    (line,) = (line for line in lines() if line.get("message") == "not launched yet")
    assert (line["run_id"], line["job_id"]) == (answer.json["job_run_id"], acme.job.id)
