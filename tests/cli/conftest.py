"""A server that stands in for the Jobs API: it answers what a test says, and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import typer
from jobs_cli.__main__ import app, main

TOKEN = "jat_secret"
NO_ROUTE = {"message": "There is no such route, or it does not take this method", "code": "not_found"}
NIGHTLY = {
    "id": "job_1", "project_id": "proj_1", "name": "Nightly Refresh", "command": "dbt build", "schedule": "0 2 * * *",
    "timezone": "UTC", "enabled": True, "next_run_at": "2026-04-29T02:00:00Z", "sync": {"state": "synced"},
}  # fmt: skip
RUN = {
    "id": "run_1", "project_id": "proj_1", "job_id": "job_1", "job_name": "jaffle-nightly-20260428-120000",
    "status": "success", "triggered_by": "manual", "created_at": "2026-04-28T12:00:00Z", "duration_seconds": 62.0,
}  # fmt: skip


def commands() -> dict[str, typer.models.CommandInfo]:
    """Return all commands by their names, those of a group as `tokens list`."""
    parts = [("", app.registered_commands)]
    for group in app.registered_groups:
        assert group.typer_instance
        parts.append((f"{group.typer_instance.info.name} ", group.typer_instance.registered_commands))
    return {
        before + (command.name or command.callback.__name__): command  # type: ignore[union-attr]
        for before, part in parts
        for command in part
    }


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Server:
    """`answers` has lists of (status, body, headers) by method and path; the last of a list is given again."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any, dict[str, str]]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, call: str, body: Any, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(call, []).append((status, body, named))

    def answer(self, asked: Asked) -> tuple[int, Any, dict[str, str]]:
        self.asked.append(asked)
        left = self.answers.get(f"{asked.method} {asked.path}", [(404, NO_ROUTE, {})])
        return left.pop(0) if len(left) > 1 else left[0]

    def calls(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server that this process' environment names, with the project jaffle and one job in it."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(content) if content else None
            path = parts.path.removeprefix("/api/v1")
            status, answer, headers = state.answer(Asked(self.command, path, query, dict(self.headers), body))
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(text))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "JOBS_PROJECT", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{running.server_address[1]}"
    monkeypatch.setenv("JOBS_API_URL", state.url)
    monkeypatch.setenv("JOBS_API_TOKEN", TOKEN)
    state.on("GET /projects", {"projects": [{"id": "proj_1", "name": "jaffle", "project_type": "dbt"}], "total": 1})
    state.on("GET /projects/proj_1/jobs", {"jobs": [NIGHTLY], "total": 1})
    state.on("GET /projects/proj_1/jobs/job_1", NIGHTLY)
    state.on("GET /runs/run_1", RUN)
    yield state
    running.shutdown()
    running.server_close()
    thread.join()


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Jobs = Callable[..., Ended]


@pytest.fixture
def jobs(capsys: pytest.CaptureFixture[str]) -> Jobs:
    """Run the command line as its program does."""

    def call(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long commands would have slept; they do not."""
    seconds: list[float] = []
    monkeypatch.setattr("jobs_cli.client.Api.__init__.__defaults__", (seconds.append,))
    monkeypatch.setattr("jobs_cli.log_pieces.LogReader.__init__.__defaults__", (seconds.append,))
    return seconds
