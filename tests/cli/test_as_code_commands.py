"""`plan`, `apply`, `import`: what is sent, what is shown, and how a command continues after an answer was lost."""

from pathlib import Path
from typing import Any

import pytest
from jobs_cli.client import Api
from rich.status import Status

from tests.cli.conftest import NO_ROUTE, Jobs, Server

APPLY = "/projects/proj_1/apply"
LISTED = "project: jaffle\njobs:\n- {name: a, command: dbt run, schedule: '@daily'}\n- {name: b, command: dbt run}\n"
A = {"action": "create", "name": "a", "fields": {"name": {"after": "a"}, "command": {"after": "dbt run"}}}
B = {
    "action": "update",
    "name": "b",
    "job_id": "job_b",
    "fields": {"schedule": {"before": "@daily", "after": "@hourly"}},
}
SLOTS = {"gained": ["2026-04-29T00:00:00Z"], "lost": [], "gained_total": 24, "lost_total": 0}
STALE = {"message": "The plan is no longer what it was", "code": "stale_plan"}


def plan(plan_id: str, *changes: dict[str, Any], remaining: int | None = None) -> dict[str, Any]:
    left = len([one for one in changes if one["action"] != "none"]) if remaining is None else remaining
    return {"plan_id": plan_id, "changes": list(changes), "remaining": left}


def done(change: dict[str, Any]) -> dict[str, Any]:
    return {**change, "applied": True}


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "jobs.yml"
    path.write_text(LISTED)
    return path


@pytest.fixture
def server(server: Server) -> Server:
    """The server, which tells a request to plan from one to apply, as the path alone does not."""
    answer = server.answer

    def by_query(asked: Any) -> Any:
        if asked.query.get("dry_run") != "true":
            return answer(asked)
        object.__setattr__(asked, "path", f"{asked.path}?dry_run")
        return answer(asked)

    server.answer = by_query  # type: ignore[method-assign]
    return server


def test_a_plan_is_shown_and_counted(server: Server, jobs: Jobs) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", {**A, "slots": SLOTS}, B, {"action": "none", "name": "c"}))

    ended = jobs("plan")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "jaffle",
        "  + a",
        "      command  dbt run",
        "      +24 slots (UTC): 2026-04-29 00:00:00 and 21 more",
        "  ~ b",
        "      schedule  @daily -> @hourly",
        "",
        "Plan: 1 to create, 1 to update, 0 to delete, 1 unchanged. Slots in the next 24 hours: 24 gained, 0 lost",
    ]
    assert server.calls() == ["GET /projects", f"POST {APPLY}?dry_run"]
    assert server.asked[-1].body["prune"] is False
    assert jobs("plan", "--detailed-exitcode").code == 2
    assert jobs("plan", "--json").json["projects"][0]["plan_id"] == "p1"


def test_a_plan_without_changes_says_so_and_exits_with_0(server: Server, jobs: Jobs) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p0", {"action": "none", "name": "a"}) | {"unlisted": 2})
    server.on(f"POST {APPLY}?dry_run", plan("p0", {"action": "none", "name": "a"}))

    kept = jobs("plan").out.splitlines()
    ended = jobs("plan", "--detailed-exitcode", "--prune")

    assert kept[-1] == "jaffle: 2 jobs are not in the file and stay; --prune would delete them"

    assert (ended.code, ended.out) == (0, "Nothing to change: 1 job is as the file has them\n")
    assert server.asked[-1].body["prune"] is True
    assert jobs("apply", "--yes").code == 0
    assert f"POST {APPLY}" not in server.calls()


def test_faults_are_reported_with_their_lines(server: Server, jobs: Jobs) -> None:
    faults = [
        {"field": "jobs[0].schedule", "message": "is no schedule"},
        {"field": "jobs[1].name", "message": "is bad"},
    ]
    server.on(f"POST {APPLY}?dry_run", {"message": "2 fields", "code": "invalid_request", "errors": faults}, 422)

    ended = jobs("plan")

    assert ended.code == 1
    assert ended.err.splitlines()[1:] == [
        "jobs.yml:3: jaffle/a: schedule: is no schedule",
        "jobs.yml:4: jaffle/b: name: is bad",
    ]


def test_an_apply_sends_the_plan_that_was_shown(server: Server, jobs: Jobs) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))
    server.on(f"POST {APPLY}", plan("p2", done({**A, "webhook_secret": "whsec_x"}), B, remaining=1))
    server.on(f"POST {APPLY}", plan("p0", {"action": "none", "name": "a"}, done(B), remaining=0))

    ended = jobs("apply", "--yes")

    assert ended.code == 0
    assert ended.out.endswith("Applied 2 changes\n")
    assert "jobs: jaffle: 1 of 2 changes are written" in ended.err
    assert "whsec_x" not in ended.out + ended.err
    applied = [asked for asked in server.asked if f"{asked.method} {asked.path}" == f"POST {APPLY}"]
    assert [asked.body["plan_id"] for asked in applied] == ["p1", "p2"]
    assert len({asked.headers["Idempotency-Key"] for asked in applied}) == 2


def test_a_dry_run_of_an_apply_is_a_plan(server: Server, jobs: Jobs) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))

    ended = jobs("apply", "--dry-run")

    assert (ended.code, ended.out) == (0, jobs("plan").out)
    assert f"POST {APPLY}" not in server.calls()
    assert "--dry-run makes a new plan" in jobs("apply", "--dry-run", "--plan", "plan.json").err


def test_nothing_is_applied_without_a_terminal_or_yes(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A))

    ended = jobs("apply")

    assert (ended.code, server.asked) == (1, [])
    assert "--yes" in ended.err
    monkeypatch.setattr("jobs_cli.commands.as_code._can_ask", lambda _: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert "Nothing was applied" in jobs("apply").err
    assert f"POST {APPLY}" not in server.calls()


def test_an_apply_continues_once_the_server_answers_again(server: Server, jobs: Jobs, slept: list[float]) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))
    server.on(f"POST {APPLY}?dry_run", plan("p2", {"action": "none", "name": "a"}, B))
    server.on(f"POST {APPLY}", b"", 504)
    server.on(f"POST {APPLY}", STALE, 409)
    server.on(f"POST {APPLY}", plan("p0", {"action": "none", "name": "a"}, done(B), remaining=0))

    ended = jobs("apply", "--yes")

    assert ended.code == 0, ended.err
    assert slept
    applied = [asked for asked in server.asked if f"{asked.method} {asked.path}" == f"POST {APPLY}"]
    assert [asked.body["plan_id"] for asked in applied] == ["p1", "p1", "p2"]
    assert applied[0].headers["Idempotency-Key"] == applied[1].headers["Idempotency-Key"]


def test_a_terminal_shows_the_progress_of_an_apply_even_if_a_name_has_brackets(
    server: Server, jobs: Jobs, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs_cli.output.is_terminal", lambda _: True)
    shown: list[str] = []
    update = Status.update

    def recording(status: Status, text: Any) -> None:
        update(status, text)
        shown.append(str(text))

    monkeypatch.setattr(Status, "update", recording)
    file.write_text(LISTED.replace("jaffle", "'[/b] shop'"))
    server.answers["GET /projects"] = [(200, {"projects": [{"id": "proj_1", "name": "[/b] shop"}]}, {})]
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))
    server.on(f"POST {APPLY}", plan("p2", done(A), B, remaining=1))
    server.on(f"POST {APPLY}", plan("p3", {"action": "none", "name": "a"}, done(B), remaining=0))

    ended = jobs("apply", "--yes")

    assert ended.code == 0, ended.err
    assert shown == ["Applying [/b] shop: 1 of 2", "Applying [/b] shop: 2 of 2"]


def test_an_apply_whose_first_request_still_holds_its_key_is_sent_with_another_key(server: Server, jobs: Jobs) -> None:
    busy = {"message": "The first request with this Idempotency-Key is still in progress", "code": "conflict"}
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))
    server.on(f"POST {APPLY}", busy, 409, Retry_After="20")
    server.on(f"POST {APPLY}", plan("p0", done(A), done(B), remaining=0))

    ended = jobs("apply", "--yes")

    assert ended.code == 0, ended.err
    applied = [asked for asked in server.asked if f"{asked.method} {asked.path}" == f"POST {APPLY}"]
    assert len({asked.headers["Idempotency-Key"] for asked in applied}) == len(applied) == 2


@pytest.mark.parametrize("now", [[A, B], [{**A, "fields": {}}], [{**B, "name": "other"}]])
def test_a_plan_that_somebody_else_changed_is_refused(server: Server, jobs: Jobs, now: list[dict[str, Any]]) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))
    server.on(f"POST {APPLY}?dry_run", plan("p9", *now))
    server.on(f"POST {APPLY}", STALE, 409)

    ended = jobs("apply", "--yes")

    assert ended.code == 1
    assert "jaffle: the plan is stale" in ended.err
    assert "0 of 2 changes of jaffle are known to be written" in ended.err
    assert server.calls().count(f"POST {APPLY}") == 1


def test_where_the_server_stays_away_the_apply_ends_and_says_what_was_applied(
    server: Server, jobs: Jobs, slept: list[float]
) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))
    server.on(f"POST {APPLY}", plan("p2", done(A), B, remaining=1))
    server.on(f"POST {APPLY}", b"", 503)

    ended = jobs("apply", "--yes")

    assert ended.code == 69
    assert "1 of 2 changes of jaffle are known to be written; the same command again continues" in ended.err
    assert slept


def test_a_stored_plan_is_applied_or_stale(server: Server, jobs: Jobs) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A))
    server.on(f"POST {APPLY}", plan("p0", done(A), remaining=0))
    assert jobs("plan", "--prune", "--out", "plan.json").code == 0

    assert jobs("apply", "--plan", "plan.json").code == 0
    assert server.asked[-1].body | {"jobs": []} == {"jobs": [], "prune": True, "plan_id": "p1"}

    server.answers[f"POST {APPLY}?dry_run"] = [(200, plan("p5", B), {})]
    stale = jobs("apply", "--plan", "plan.json")
    assert stale.code == 1
    assert "stale for jaffle" in stale.err
    Path("plan.json").write_text("[]")
    assert "is no plan" in jobs("apply", "--plan", "plan.json").err


def test_a_server_without_apply_is_reported_as_older_than_the_command(server: Server, jobs: Jobs) -> None:
    server.on(f"POST {APPLY}?dry_run", NO_ROUTE, 404)

    ended = jobs("plan")

    assert ended.code == 1
    assert "it is older than this version of jobs" in ended.err


def test_a_token_of_another_organization_finds_no_project(server: Server, jobs: Jobs, file: Path) -> None:
    gone = {"message": "There is no project 'proj_9'", "code": "not_found"}
    server.on("POST /projects/proj_9/apply?dry_run", gone, 404)
    file.write_text(LISTED.replace("jaffle", "proj_9"))

    assert jobs("plan").err == "jobs: There is no project 'proj_9'\n"
    file.write_text(LISTED.replace("jaffle", "jafle"))
    assert "did you mean 'jaffle'?" in jobs("plan").err


def test_one_project_of_a_file_can_be_named(server: Server, jobs: Jobs, file: Path) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A))
    file.write_text("projects:\n  Jaffle: {jobs: []}\n  other: {jobs: []}\n")
    both = [{"id": "proj_1", "name": "jaffle"}, {"id": "proj_2", "name": "other"}]
    server.answers["GET /projects"] = [(200, {"projects": both}, {})]

    assert jobs("plan", "--project", "jaffle").code == 0
    assert jobs("plan", "--project", "proj_1").code == 0
    assert {asked.path for asked in server.asked if asked.method == "POST"} == {f"{APPLY}?dry_run"}
    assert "no project 'proj_3'" in jobs("plan", "-p", "proj_3").err
    assert "no project 'x'; it has Jaffle, other" in jobs("plan", "-p", "x").err
    file.unlink()
    assert "jobs-api import > jobs.yml" in jobs("plan").err


def test_an_import_is_a_file_without_secrets_ids_and_defaults(server: Server, jobs: Jobs, file: Path) -> None:
    known: list[dict[str, Any]] = [
        {"id": "job_1", "name": "a", "command": "dbt run", "schedule": "0 2 * * *", "timezone": "UTC", "retries": 0,
         "environment": {"DB_PASSWORD": "***"}, "resources": {"requests": {}, "limits": {"memory": "1Gi"}},
         "sync": {"state": "synced"}, "paused_until": "2026-05-01T00:00:00Z", "new_field": [1]},
        {"id": "job_2", "name": "b", "command": "dbt run", "run_after": [{"job_id": "job_1", "on": ["success"]}]},
    ]  # fmt: skip
    server.answers["GET /projects/proj_1/jobs"] = [(200, {"jobs": known, "total": 2}, {})]

    ended = jobs("import", "--project", "jaffle")

    assert ended.out.startswith("# yaml-language-server: $schema=jobs.schema.json\n")
    file.write_text(ended.out)
    server.on(f"POST {APPLY}?dry_run", plan("p0"))
    jobs("plan")
    sent = server.asked[-1].body["jobs"]
    assert sent == [
        {"name": "a", "command": "dbt run", "schedule": "0 2 * * *", "environment": {"DB_PASSWORD": "***"},
         "resources": {"limits": {"memory": "1Gi"}}, "new_field": [1]},
        {"name": "b", "command": "dbt run", "run_after": [{"job": "a"}]},
    ]  # fmt: skip
    assert jobs("import", "--json").json == {"projects": {"jaffle": {"jobs": sent}}}


LONG = "x" * 500
SMALL: Any = {"limits": {"cpu": "1", "memory": "1Gi"}}
LARGE: Any = {"limits": {"cpu": "2", "memory": "1Gi"}}


@pytest.mark.parametrize(
    ("field", "before", "after", "shown"),
    [
        ("environment", {"A": "1", "B": "same"}, {"B": "same"}, ["environment.A  1 -> none"]),
        ("environment", {}, {"A": "x", "BC": ""}, ["environment.A   none -> x", 'environment.BC  none -> ""']),
        ("environment", {"P": "***"}, {"P": "***"}, ['environment  {"P": "***"} (a secret changes)']),
        ("resources", SMALL, LARGE, ["resources.limits.cpu  1 -> 2"]),
        ("resources", None, {}, ["resources  none -> {}"]),
        ("resources", {"limits": {}}, {}, ["resources.limits  {} -> none"]),
        ("webhook_events", ["success"], ["success", "late"], ["webhook_events  success -> success, late"]),
        ("webhook_events", ["\x1b[2J"], ["late"], [r"webhook_events  \x1b[2J -> late"]),
        ("run_after", [{"job": "a"}], [], ["run_after  a -> none"]),
        ("description", "a\nb", "a\\nb", [r"description  a\nb -> a\nb"]),
        ("description", f"{LONG}1", f"{LONG}2", [f"description  ...{LONG[:199]}1 -> ...{LONG[:199]}2"]),
        ("description", LONG, f"y{LONG}", [f"description  {LONG[:200]}... -> y{LONG[:199]}..."]),
        ("description", None, "x", ["description  none -> x"]),
        ("enabled", True, False, ["enabled  true -> false"]),
    ],
)
def test_a_plan_shows_where_values_differ(
    server: Server, jobs: Jobs, field: str, before: Any, after: Any, shown: list[str]
) -> None:
    both = {name: value for name, value in (("before", before), ("after", after)) if value is not None}
    server.on(f"POST {APPLY}?dry_run", plan("p1", {**B, "fields": {field: both}}))

    lines = jobs("plan").out.splitlines()

    assert lines[2:-2] == [f"      {line}" for line in shown]


def test_an_interrupted_apply_says_what_is_written(server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on(f"POST {APPLY}?dry_run", plan("p1", A, B))
    server.on(f"POST {APPLY}", plan("p2", done(A), B, remaining=1))
    send = Api._send

    def interrupted(*sent: Any) -> Any:
        if f"POST {APPLY}" in server.calls():
            raise KeyboardInterrupt
        return send(*sent)

    monkeypatch.setattr(Api, "_send", interrupted)
    ended = jobs("apply", "--yes")

    assert ended.code == 130
    assert "1 of 2 changes of jaffle are known to be written" in ended.err


def test_two_names_of_one_project_are_refused(server: Server, jobs: Jobs, file: Path) -> None:
    file.write_text("projects: {jaffle: {jobs: []}, Jaffle: {jobs: []}}")

    assert "The file has a project twice, as 'jaffle' and as 'Jaffle'" in jobs("plan").err
    assert server.calls() == ["GET /projects"]
