"""Jobs by name: what is found, what is sent, and what a person reads of a refusal."""

import json
import stat
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from jobs_cli import configuration
from jobs_cli.output import log_for_terminal

from tests.cli.conftest import NIGHTLY, TOKEN, Jobs, Server


def test_a_list_in_a_pipe_has_plain_lines(server: Server, jobs: Jobs) -> None:
    ended = jobs("list")

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "project  job              schedule   timezone  state   next run (UTC)       command",
        "jaffle   Nightly Refresh  0 2 * * *  UTC       synced  2026-04-29 02:00:00  dbt build",
    ]
    assert server.asked[-1].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("name", ["Nightly Refresh", "nightly-refresh", "job_1", "jaffle/nightly-refresh"])
@pytest.mark.usefixtures("server")
def test_a_job_is_found_by_its_name_or_id(jobs: Jobs, name: str) -> None:
    assert jobs("show", name, "--json").json["id"] == "job_1"


@pytest.mark.usefixtures("server")
def test_an_unknown_name_gets_the_nearest_one(jobs: Jobs) -> None:
    ended = jobs("show", "nightly-refesh")

    assert ended.code == 1
    assert ended.err == "jobs: There is no job 'nightly-refesh' in jaffle; did you mean 'Nightly Refresh'?\n"


def test_a_name_in_two_projects_is_not_guessed(server: Server, jobs: Jobs) -> None:
    both = [{"id": f"proj_{n}", "name": name} for n, name in ((1, "jaffle"), (2, "shop"))]
    server.answers["GET /projects"] = [(200, {"projects": both}, {})]
    server.answers["GET /projects/proj_2/jobs"] = server.answers["GET /projects/proj_1/jobs"]

    assert "jaffle/Nightly Refresh, shop/Nightly Refresh" in jobs("trigger", "nightly-refresh").err
    assert jobs("show", "shop/nightly-refresh").code == 0
    assert not [call for call in server.calls() if call.startswith("POST")]


def test_create_sends_the_options_as_fields(server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("POST /projects/proj_1/jobs", {"id": "job_2", "name": "hourly"}, 201)
    monkeypatch.setenv("DB_PASSWORD", "hidden")

    ended = jobs(
        "create", "hourly", "--command", "dbt run", "--schedule", "@hourly", "-e", "DB_PASSWORD", "-e", "A=1=2",
        "--set", "retries=2", "--set", "description=x",
    )  # fmt: skip

    assert ended.code == 0
    assert server.asked[-1].body == {
        "name": "hourly", "command": "dbt run", "schedule": "@hourly", "retries": 2, "description": "x",
        "environment": {"DB_PASSWORD": "hidden", "A": "1=2"},
    }  # fmt: skip


def test_a_refusal_names_each_field_once(server: Server, jobs: Jobs) -> None:
    faults = [{"field": "schedule", "message": "'61' is too high"}, {"field": "foo", "message": "is not a field"}]
    message = "2 fields break a rule: schedule: '61' is too high; foo: is not a field"
    server.on("PUT /projects/proj_1/jobs/job_1", {"message": message, "code": "invalid_request", "errors": faults}, 422)

    ended = jobs("update", "nightly-refresh", "--set", "schedule=61 * * * *", "--set", "foo=1")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "jobs: 2 fields break a rule:\n  schedule: '61' is too high\n  foo: is not a field\n"


def test_a_pause_needs_an_end_and_leaves_enabled_alone(server: Server, jobs: Jobs) -> None:
    server.on("PUT /projects/proj_1/jobs/job_1", {"name": "Nightly Refresh", "enabled": True})

    assert jobs("pause", "nightly-refresh").code == 2
    assert jobs("pause", "nightly-refresh", "--for", "2x").code == 2
    assert jobs("pause", "nightly-refresh", "--for", "2h", "--reason", "The warehouse moves").code == 0
    assert set(server.asked[-1].body) == {"paused_until", "pause_reason"}


def test_control_characters_in_a_text_do_not_reach_the_terminal(server: Server, jobs: Jobs) -> None:
    job = {"id": "job_9", "name": "x", "project_id": "proj_1", "enabled": True, "command": "dbt \x1b]52;c;aGk=\x07run"}
    server.answers["GET /projects/proj_1/jobs"] = [(200, {"jobs": [job]}, {})]

    assert "\x1b" not in jobs("list").out
    assert "\x1b" not in jobs("show", "x").out


STEERS = "\x1b]52;c;aGk=\x07 \x1b[2J \x9b2J \x1bc \x1b]0;title\x1b\\ \x7f \x08 \x1b[31mred\x1b[0m"


def test_a_log_on_a_terminal_keeps_its_colours_and_steers_nothing(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"one\r\n10%\r20%\n{STEERS}\n\ttwo\n"
    server.on("GET /runs/run_1/logs", {"run_id": "run_1", "job_name": "j", "logs": log, "truncated": False})

    assert jobs("logs", "run_1").out == log
    monkeypatch.setattr("jobs_cli.output.is_terminal", lambda _: True)
    shown = jobs("logs", "run_1").out

    assert shown.startswith("one\n10%\n20%\n")
    assert shown.endswith("\n\ttwo\n\x1b[0m")
    assert "\x1b[31mred\x1b[0m" in shown
    assert shown.count("\x1b") == 3
    assert set("\x07\x08\x7f\x9b\r").isdisjoint(shown)


def test_json_has_the_same_value_and_steers_nothing(server: Server, jobs: Jobs) -> None:
    server.on("GET /runs/run_1/logs", {"run_id": "run_1", "job_name": "j", "logs": STEERS, "truncated": False})

    shown = jobs("logs", "run_1", "--json")

    assert shown.json["logs"] == STEERS
    assert all(letter.isprintable() or letter == "\n" for letter in shown.out)


def test_an_error_of_the_server_steers_nothing(server: Server, jobs: Jobs) -> None:
    server.on("GET /runs/run_1/logs", {"message": f"no\n{STEERS}", "code": "not_found"}, 404)

    shown = jobs("logs", "run_1")

    assert shown.code == 1
    assert "\\x1b[31mred" in shown.err
    assert all(letter.isprintable() or letter == "\n" for letter in shown.err)


def test_a_log_of_control_characters_is_shown_in_linear_time() -> None:
    log_for_terminal("\x1b[" * 1_000_000 + "\r" * 1_000_000 + "\x1b[1;" * 500_000)


def test_a_server_without_a_list_of_projects_asks_for_an_id(server: Server, jobs: Jobs) -> None:
    del server.answers["GET /projects"]

    assert "--project proj_..." in jobs("list").err
    assert jobs("list", "--project", "proj_1").code == 0
    assert "older than this version" in jobs("preview", "@daily").err


def test_login_checks_the_token_and_stores_it_for_this_user_alone(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.on("GET /me", {"role": "admin", "organization_id": "org-acme"})
    monkeypatch.delenv("JOBS_API_URL")
    monkeypatch.delenv("JOBS_API_TOKEN")
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    with (tmp_path / "token").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        ended = jobs("login", "--url", f"{server.url}/api/v1/")

    assert "admin of org-acme" in ended.out
    assert TOKEN not in ended.out + ended.err
    file = configuration.configuration_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert jobs("list").code == 0
    assert server.asked[-1].headers["Authorization"] == f"Bearer {TOKEN}"
    monkeypatch.setenv("JOBS_API_URL", "http://127.0.0.1:1")
    assert "No token is known for http://127.0.0.1:1" in jobs("list").err


@pytest.mark.parametrize(
    ("project", "code", "message"), [("proj_1", 0, ""), ("Jaffle", 0, ""), ("jafle", 1, "'jaffle'?")]
)
def test_login_stores_the_name_of_a_project_that_there_is(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: str, code: int, message: str
) -> None:
    server.on("GET /me", {"role": "admin", "organization_id": "org-acme"})
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    with (tmp_path / "token").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        ended = jobs("login", "--project", project)

    assert ended.code == code
    assert message in ended.err
    assert configuration.configuration_file().exists() == (code == 0)
    if code == 0:
        assert json.loads(configuration.configuration_file().read_text())["project"] == "jaffle"


def test_login_stores_a_project_as_it_is_where_the_server_lists_none(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del server.answers["GET /projects"]
    server.on("GET /me", {"role": "admin", "organization_id": "org-acme"})
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    with (tmp_path / "token").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert jobs("login", "--project", "proj_1").code == 0

    assert json.loads(configuration.configuration_file().read_text())["project"] == "proj_1"


def test_a_token_that_is_not_accepted_is_not_stored(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.on("GET /me", {"message": "A valid token is needed", "code": "unauthorized"}, 401)
    (tmp_path / "token").write_text("jat_wrong")

    with (tmp_path / "token").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        ended = jobs("login")

    assert ended.code == 77
    assert "does not accept the token" in ended.err
    assert not configuration.configuration_file().exists()


@pytest.mark.parametrize("url", ["jobs.example.com", "ftp://x", "https://me:pw@x", "https://x?a=1", "https://[x"])
def test_an_address_that_is_no_base_url_is_refused(jobs: Jobs, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("JOBS_API_URL", url)
    monkeypatch.setenv("JOBS_API_TOKEN", TOKEN)

    ended = jobs("list")

    assert ended.code == 1
    assert "JOBS_API_URL must" in ended.err


def test_all_jobs_of_a_project_are_asked_for_at_once(server: Server, jobs: Jobs) -> None:
    first = {"jobs": [NIGHTLY], "total": 2, "next_cursor": "more"}
    last = {"jobs": [NIGHTLY | {"id": "job_2", "name": "weekly"}], "total": 2}
    server.answers["GET /projects/proj_1/jobs"] = [(200, first, {}), (200, last, {})]

    assert [job["name"] for job in jobs("list", "--json").json["jobs"]] == ["Nightly Refresh", "weekly"]
    assert [asked.query for asked in server.asked[1:]] == [{"limit": "10000"}, {"limit": "10000", "cursor": "more"}]


@pytest.mark.parametrize("home", ["missing", "a file", "of another user"])
def test_a_configuration_folder_that_cannot_be_used_ends_login_without_a_traceback(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    server.on("GET /me", {"role": "admin", "organization_id": "org-acme"})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if home == "missing":
        monkeypatch.delenv("XDG_CONFIG_HOME")
        monkeypatch.setattr(Path, "home", classmethod(_no_home))
    elif home == "a file":
        (tmp_path / "jobs-api").touch()
    else:
        monkeypatch.setattr(Path, "mkdir", _refused)
        monkeypatch.setattr(Path, "read_text", _refused)
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbf" + TOKEN.encode() + b"\r\n")

    with (tmp_path / "token").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        ended = jobs("login")

    assert ended.code == 1
    assert "JOBS_API_URL and JOBS_API_TOKEN" in ended.err
    assert TOKEN not in ended.out + ended.err
    assert jobs("list").code == 0, "both variables are set"
    monkeypatch.delenv("JOBS_API_TOKEN")
    assert jobs("list").code == 1


def test_a_configuration_folder_of_another_user_ends_logout_without_a_traceback(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for look in ("stat", "unlink"):
        monkeypatch.setattr(Path, look, _refused)

    ended = jobs("logout")

    assert ended.code == 1
    assert "cannot be removed" in ended.err


def _no_home(*_: object) -> Path:
    raise RuntimeError("Could not determine home directory.")


def _refused(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_relative_configuration_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The token would lie in the current folder, which may be a checkout."""
    monkeypatch.setenv("XDG_CONFIG_HOME", ".")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert configuration.configuration_file() == tmp_path / ".config/jobs-api/login.json"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("content", [TOKEN.encode(), b"jat_\xff"])
def test_a_login_never_takes_the_token_for_the_address(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "token").write_bytes(content)
    with (tmp_path / "token").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        if b"\xff" in content:
            assert "A token is one word" in jobs("login").err
            return
        monkeypatch.delenv("JOBS_API_URL")
        ended = jobs("login")

    assert ended.code == 1
    assert "--url" in ended.err
    assert TOKEN not in ended.out + ended.err


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "run_\udce9"),
        ("preview", "0 2 * * \udce9"),
        ("create", "caf\udce9", "--command", "dbt run"),
        ("create", "x", "--command", "dbt run", "--env", "A=\udce9"),
    ],
)
def test_an_argument_that_is_not_utf_8_is_an_error_without_a_traceback(jobs: Jobs, arguments: tuple[str, ...]) -> None:
    ended = jobs(*arguments)

    assert ended.code == 1
    assert ended.err == "jobs: An argument, or a variable of the environment that is sent, is not UTF-8\n"


def test_a_pipe_gets_utf_8_in_every_locale(server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("GET /me", {"role": "admin", "organization_id": "Łódź"})
    content = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(content, encoding="cp1252"))

    jobs("whoami", "--json")
    sys.stdout.flush()

    assert "Łódź" in content.getvalue().decode()


@pytest.mark.parametrize("arguments", [("aplly",), ("projects", "lisst")])
def test_a_misspelt_command_gets_no_suggestion_twice(jobs: Jobs, arguments: tuple[str, ...]) -> None:
    ended = jobs(*arguments)

    assert ended.code == 2
    assert ended.err.count("Did you mean") <= 1


@pytest.mark.parametrize("arguments", [("-h",), ("projects", "-h"), ("plan", "-h")])
def test_the_short_option_of_other_programs_shows_the_help(jobs: Jobs, arguments: tuple[str, ...]) -> None:
    assert jobs(*arguments).code == 0
