"""Projects, tokens, artifacts, statistics and the console from the command line."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from jobs_cli.downloads import place_of
from jobs_cli.errors import CommandFailed

from tests.cli.conftest import RUN, TOKEN, Jobs, Server

MANIFEST = b'{"nodes": {}}'
TOKENS = {
    "tokens": [
        {"id": "tok_1", "name": "CI", "role": "developer", "created_at": "2026-04-28T12:00:00Z"},
        {"id": "tok_2", "name": "old", "role": "reader", "created_at": "2026-04-28T12:00:00Z"},
        {
            "id": "tok_3", "name": "CI", "role": "admin", "created_at": "2026-04-01T12:00:00Z",
            "revoked_at": "2026-04-02T12:00:00Z",
        },
    ]
}  # fmt: skip


def with_artifacts(server: Server, *files: tuple[str, bytes], **claimed: int) -> None:
    listed = [
        {"path": path, "size_bytes": claimed.get("size", len(content)), "content_type": "application/json"}
        for path, content in files
    ]
    server.on("GET /runs/run_1/artifacts", {"artifacts": listed})
    for path, content in files:
        url = f"{server.url}/store/{path}?signature=secret"
        server.on(f"GET /runs/run_1/artifacts/{path.replace('/', '%2F')}", {"url": url, "expires_at": "2026-04-28"})
        server.on(f"GET /store/{path}", gzip.compress(content), Content_Encoding="gzip")


def test_all_artifacts_of_a_run_are_stored_in_a_folder(server: Server, jobs: Jobs, tmp_path: Path) -> None:
    with_artifacts(server, ("manifest.json", MANIFEST), ("run_results.json", b"{}"))

    ended = jobs("artifacts", "get", "run_1", "--to", str(tmp_path / "new" / "target"))

    assert ended.code == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "new/target").iterdir()} == {
        "manifest.json": MANIFEST,
        "run_results.json": b"{}",
    }
    assert ended.err.splitlines() == ["jobs: manifest.json, 13 bytes", "jobs: run_results.json, 2 bytes"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [("running", "has no artifacts yet, it is running"), ("failed", "its project needs `artifacts`")],
)
def test_a_run_without_artifacts_says_whether_they_are_still_to_come(
    server: Server, jobs: Jobs, tmp_path: Path, status: str, reason: str
) -> None:
    with_artifacts(server)
    server.answers["GET /runs/run_1"] = [(200, RUN | {"status": status}, {})]

    listed = jobs("artifacts", "list", "run_1")
    got = jobs("artifacts", "get", "run_1", "--to", str(tmp_path))

    assert (listed.code, got.code) == (0, 1)
    assert reason in listed.err
    assert reason in got.err


def test_the_token_is_not_sent_to_the_store_of_artifacts(server: Server, jobs: Jobs, tmp_path: Path) -> None:
    with_artifacts(server, ("manifest.json", MANIFEST))

    assert jobs("artifacts", "get", "run_1", "manifest.json", "--to", str(tmp_path)).code == 0

    (stored,) = [asked for asked in server.asked if asked.path.startswith("/store/")]
    assert TOKEN not in str(stored)


def test_an_artifact_that_is_not_there_gets_the_nearest_one(server: Server, jobs: Jobs, tmp_path: Path) -> None:
    with_artifacts(server, ("manifest.json", MANIFEST))

    ended = jobs("artifacts", "get", "run_1", "manifst.json", "--to", str(tmp_path))

    assert (ended.code, ended.err) == (1, "jobs: The run has no 'manifst.json'; did you mean 'manifest.json'?\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/etc/passwd",
        "a/../../outside",
        "a\\..\\b",
        "C:evil",
        "a\nb",
        "",
        ".",
        "a/./b",
        "link/file",
        "file",
    ],
)
def test_nothing_is_stored_outside_of_the_folder(path: str, tmp_path: Path) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "file").symlink_to(tmp_path / "outside")

    with pytest.raises(CommandFailed, match="is not stored"):
        place_of(folder, path)


def test_a_safe_path_is_a_file_in_the_folder(tmp_path: Path) -> None:
    assert place_of(tmp_path, "compiled/a.sql") == tmp_path / "compiled" / "a.sql"


def test_a_list_with_one_unsafe_path_stores_nothing(server: Server, jobs: Jobs, tmp_path: Path) -> None:
    with_artifacts(server, ("manifest.json", MANIFEST), ("../evil", b"x"))

    assert jobs("artifacts", "get", "run_1", "--to", str(tmp_path / "target")).code == 1
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("size", [5, 50])
def test_a_file_whose_size_differs_from_the_list_is_not_stored(
    server: Server, jobs: Jobs, tmp_path: Path, size: int
) -> None:
    with_artifacts(server, ("manifest.json", MANIFEST), size=size)
    (tmp_path / "manifest.json").write_text("older")

    ended = jobs("artifacts", "get", "run_1", "--to", str(tmp_path))

    assert ended.code == 69
    assert "manifest.json could not be downloaded" in ended.err
    assert "secret" not in ended.err
    assert [file.read_text() for file in tmp_path.iterdir() if file.is_file()] == ["older"]


def test_a_link_that_fails_once_is_asked_for_again(server: Server, jobs: Jobs, tmp_path: Path) -> None:
    with_artifacts(server, ("manifest.json", MANIFEST))
    server.answers["GET /store/manifest.json"].insert(0, (403, b"expired", {}))

    assert jobs("artifacts", "get", "run_1", "--to", str(tmp_path)).code == 0
    assert (tmp_path / "manifest.json").read_bytes() == MANIFEST


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ((), ""),
        (("run_1",), "runs/run_1"),
        (("nightly-refresh",), "projects/proj_1/jobs/job_1"),
        (("job_1",), "projects/proj_1/jobs/job_1"),
    ],
)
def test_the_address_of_the_console_is_printed_where_there_is_no_browser(
    server: Server, jobs: Jobs, name: tuple[str, ...], page: str
) -> None:
    assert jobs("open", *name).out == f"{server.url}/console#/{page}\n"
    assert jobs("open", *name, "--json").json == {"url": f"{server.url}/console#/{page}"}


def test_a_terminal_with_a_screen_opens_a_browser(server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: not opened.append(address))  # type: ignore[func-returns-value]
    monkeypatch.setattr("jobs_cli.output.is_terminal", lambda _: True)
    monkeypatch.setenv("DISPLAY", ":0")

    assert jobs("open", "run_1").out == ""
    assert opened == [f"{server.url}/console#/runs/run_1"]
    assert jobs("open", "run_1", "--print").out.strip() == opened[0]


def test_the_secret_of_a_new_token_is_all_of_standard_output(server: Server, jobs: Jobs) -> None:
    server.on("POST /tokens", {"id": "tok_9", "role": "reader", "created_at": "2026", "token": "jat_new"}, 201)

    ended = jobs("tokens", "create", "CI", "--role", "reader", "--expires-in-days", "90")

    assert ended.out == "jat_new\n"
    assert "jat_new" not in ended.err
    assert server.asked[-1].body == {"name": "CI", "role": "reader", "expires_in_days": 90}
    assert server.asked[-1].headers["Idempotency-Key"]


def test_a_token_is_revoked_by_its_name_among_the_valid_ones(server: Server, jobs: Jobs) -> None:
    server.on("GET /tokens", TOKENS)
    server.on("DELETE /tokens/tok_1", {"message": "Token revoked successfully"})

    assert jobs("tokens", "delete", "CI", "--yes").out == "Revoked tok_1\n"
    assert "did you mean 'CI'" in jobs("tokens", "delete", "C1", "--yes").err


@pytest.mark.parametrize(
    "command", [("tokens", "delete", "old"), ("projects", "delete", "jaffle"), ("delete", "job_1")]
)
def test_without_a_terminal_a_deletion_needs_yes(server: Server, jobs: Jobs, command: tuple[str, ...]) -> None:
    server.on("GET /tokens", TOKENS)

    ended = jobs(*command)

    assert (ended.code, ended.err) == (1, "jobs: There is no terminal to ask on: give --yes\n")
    assert all(asked.method == "GET" for asked in server.asked)


def test_projects_are_made_and_changed(server: Server, jobs: Jobs) -> None:
    project: dict[str, Any] = {"id": "proj_2", "name": "shop", "project_type": "dbt", "image": "shop:1"}
    server.on("POST /projects", project, 201)
    server.on("PUT /projects/proj_1", project)

    made = jobs("projects", "create", "shop", "--type", "dbt", "--image", "shop:1", "--set", "artifacts=true")
    assert made.out == "Created shop (proj_2)\n"
    assert server.asked[-1].body == {"name": "shop", "project_type": "dbt", "image": "shop:1", "artifacts": True}

    assert jobs("projects", "update", "jaffle", "--image", "shop:1", "--json").json == project
    assert server.asked[-1].body == {"image": "shop:1"}
    assert jobs("projects", "update", "jaffle").code == 2


def test_predecessors_may_be_named(server: Server, jobs: Jobs) -> None:
    server.on("POST /projects/proj_1/jobs", {"id": "job_2", "name": "after"}, 201)
    after = ["create", "after", "--command", "dbt test", "--set"]

    assert jobs(*after, 'run_after=["nightly-refresh", {"job_id": "job_1", "on": ["failed"]}]').code == 0
    assert server.asked[-1].body["run_after"] == [{"job_id": "job_1"}, {"job_id": "job_1", "on": ["failed"]}]
    assert "did you mean 'Nightly Refresh'" in jobs(*after, 'run_after=["nightly-refesh"]').err


def test_days_without_runs_are_left_out_of_the_table(server: Server, jobs: Jobs) -> None:
    counts = {"total_runs": 0, "successful_runs": 0, "failed_runs": 0, "error_runs": 0, "cancelled_runs": 0}
    busy = counts | {"date": "2026-04-28", "total_runs": 2, "successful_runs": 2, "avg_success_duration": 62.4}
    server.on("GET /projects/proj_1/runs/daily-stats", {"days": [counts | {"date": "2026-04-27"}, busy]})

    ended = jobs("stats", "nightly-refresh", "--days", "2")

    assert ended.out.splitlines()[1:] == ["2026-04-28  2     2        0       0      0          1:02"]
    assert server.asked[-1].query == {"days": "2", "job_id": "job_1"}


@pytest.mark.parametrize(
    "command", ["runs", "stats", "tokens list", "artifacts list run_1", "projects create x --type dbt --image x"]
)
def test_a_command_that_the_server_lacks_says_that_the_server_is_older(
    server: Server, jobs: Jobs, command: str
) -> None:
    ended = jobs(*command.split())

    assert ended.code == 1
    assert f"{server.url} does not know /" in ended.err
    assert "it is older than this version of jobs" in ended.err


def test_a_command_reads_no_token_from_its_arguments() -> None:
    source = "".join(file.read_text() for file in (Path(__file__).parents[2] / "cli").rglob("*.py"))

    assert "--token" not in source
    assert "JOBS_API_TOKEN" in source
    assert os.environ.get("JOBS_API_TOKEN") != TOKEN
