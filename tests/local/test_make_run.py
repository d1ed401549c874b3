"""`make run` as a process: the files for other programs, and what remains after it ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.local.conftest import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
IMPORTS = os.pathsep.join([str(ROOT / "layers/shared/python"), str(ROOT)])
START_SECONDS = 60
# The first pod waits until its image is installed.
ARRIVAL_SECONDS = 240


def start(home: Path, port: str = "0", **more: str) -> subprocess.Popen[str]:
    # Without the variables that the tests' own AWS has exported.
    foreign = ("AWS_", "JOBS_API")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Most shells with kubectl have a KUBECONFIG, which `make run` must not use.
    ours = {"PYTHONPATH": IMPORTS, "JOBS_API_HOME": str(home), "PORT": port, "KUBECONFIG": "/nowhere/production"}
    environment = {**inherited, **ours, **more}
    return subprocess.Popen(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # With the least careful umask of a shell.
        umask=0,
    )


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    home: Path
    session: dict[str, Any]

    def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        return self.call("GET", path, token=token)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        authorization = {"Authorization": f"Bearer {token or self.session['token']}"}
        content = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.session['url']}/api/v1{path}", content, authorization, method=method)  # noqa: S310  # it is http
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def jobsctl(self, *arguments: str) -> None:
        """Do what an operator does."""
        script = '. "$0" && exec "$@"'
        command = ["sh", "-c", script, str(self.home / "env"), sys.executable, "-m", "jobsctl", *arguments]
        environment = {**os.environ, "PYTHONPATH": IMPORTS}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)

    def inbox(self) -> list[dict[str, Any]]:
        """Return the messages that have arrived, oldest first."""
        with urlopen(f"{self.session['inbox']['url']}/messages", timeout=60) as answer:  # noqa: S310
            messages: list[dict[str, Any]] = json.load(answer)["messages"]
        return messages[::-1]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    (home / "session.json").write_text('{"url": "from an earlier run"}')
    (home / "functions.log").write_text("from an earlier run")
    home.chmod(0o755)
    process = start(home)
    try:
        eventually(lambda: process.poll() is not None or _session(home).get("pid") == process.pid, START_SECONDS)
        yield Running(process, home, _session(home))
    finally:
        process.kill()
        process.communicate()


def _session(home: Path) -> dict[str, Any]:
    path = home / "session.json"
    session: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return session


def test_the_session_file_has_the_address_and_the_tokens(service: Running) -> None:
    session = service.session

    assert session.keys() == {
        "url",
        "organization_id",
        "token",
        "admin_token",
        "reader_token",
        "projects",
        "other",
        "kubeconfig",
        "pid",
        "inbox",
    }
    assert session["organization_id"] == "org-acme"
    kinds = {project["name"]: project["project_type"] for project in session["projects"]}
    assert kinds == {"analytics": "sqlmesh", "jaffle": "dbt"}
    assert session["other"].keys() == {"organization_id", "token"}
    assert Path(session["kubeconfig"]).is_file()


def test_the_kubeconfig_of_the_shell_is_not_touched(service: Running) -> None:
    assert Path(service.session["kubeconfig"]) == service.home / "kubeconfig"
    assert "KUBECONFIG" not in (service.home / "env").read_text()


def test_only_its_owner_may_read_what_is_written(service: Running) -> None:
    assert stat.S_IMODE(service.home.stat().st_mode) == 0o700
    for name in ("session.json", "env", "kubeconfig", "functions.log", "pki/server.key", "inbox/pki/server.key"):
        assert stat.S_IMODE((service.home / name).stat().st_mode) == 0o600, name


def test_the_api_answers_with_the_sessions_tokens(service: Running) -> None:
    for project in service.session["projects"]:
        for token in (service.session["token"], service.session["reader_token"]):
            assert service.get(f"/projects/{project['id']}/jobs", token) == (200, {"jobs": [], "total": 0})
        assert service.get(f"/projects/{project['id']}/jobs", service.session["other"]["token"])[0] == 404


def test_an_alert_and_signed_webhooks_of_a_process_that_fails_arrive_in_the_inbox(
    service: Running, tmp_path: Path
) -> None:
    jaffle = next(project["id"] for project in service.session["projects"] if project["name"] == "jaffle")
    log = ROOT / "tests/data/logs/dbt_model_error.log"
    dbt = tmp_path / "dbt"
    dbt.write_text(f"#!/bin/sh\n/bin/cat '{log}'\nexit 3\n")
    dbt.chmod(0o755)
    # PATH is reserved: only a project may set it.
    service.jobsctl("project", "set", "org-acme", jaffle, 'allowed_environment=["PATH"]')
    wanted = {
        "name": "alerting",
        "command": "dbt run",
        "schedule": "0 0 1 1 *",
        "environment": {"PATH": str(tmp_path)},
        "slack_alerts_enabled": True,
        "slack_channel": "#data",
        "webhook_enabled": True,
        "webhook_url": f"{service.session['inbox']['webhook_url']}/test",
        "webhook_events": ["started", "failure"],
    }
    status, job = service.call("POST", f"/projects/{jaffle}/jobs", wanted)
    assert (status, job["webhook_secret"][:6]) == (201, "whsec_")

    status, run = service.call("POST", f"/projects/{jaffle}/jobs/{job['id']}/trigger")
    assert status == 202
    eventually(lambda: len(service.inbox()) == 3, ARRIVAL_SECONDS)

    assert all(message["good"] for message in service.inbox())
    webhooks = {message["body"]["type"]: message for message in service.inbox() if message["kind"] == "webhook"}
    [alert] = [message for message in service.inbox() if message["kind"] == "slack"]
    assert webhooks.keys() == {"run.started", "run.failure"}
    assert {webhook["verdict"] for webhook in webhooks.values()} == {"signature verified"}
    failed = webhooks["run.failure"]["body"]["data"]["run"]
    assert (failed["id"], failed["status"], failed["exit_code"]) == (run["job_run_id"], "failed", 3)
    assert (alert["to"], alert["body"]["text"]) == ("#data", "jaffle / alerting failed")
    assert "no_such_column" in json.dumps(alert["body"]["blocks"])

    path = f"/projects/{jaffle}/jobs/{job['id']}/deliveries"
    # The delivery is recorded a moment after the receiver got it.
    eventually(lambda: len(service.get(f"{path}?status=delivered")[1]["deliveries"]) == 3)
    deliveries = service.get(path)[1]["deliveries"]
    assert {each["attempts"] for each in deliveries} == {1}
    assert {each["id"] for each in deliveries} > {hook["headers"]["webhook-id"] for hook in webhooks.values()}


def test_a_taken_port_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text("{}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, str(port))
        output, errors = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 1
    assert errors == f"make run: Port {port} of 127.0.0.1 is taken; choose another one with PORT=...\n"
    assert output == ""
    # The session file belongs to the process that listens on the port, so it stays.
    assert (tmp_path / "session.json").exists()


def test_an_invalid_port_is_reported_in_one_line(tmp_path: Path) -> None:
    process = start(tmp_path, "http")
    _, errors = process.communicate(timeout=START_SECONDS)

    assert (process.returncode, errors) == (1, "make run: PORT must be a number up to 65535, not 'http'\n")


@pytest.fixture(scope="module")
def again(service: Running) -> Iterator[Running]:
    """The service after it was killed and started in the same home; tests before this have left runs there."""
    service.process.kill()
    service.process.communicate()
    process = start(service.home)
    try:
        _until_it_answers(process, service.home)
        yield Running(process, service.home, _session(service.home))
    finally:
        process.kill()
        process.communicate()


def test_after_a_kill_the_same_tokens_open_the_same_jobs_runs_logs_and_deliveries(again: Running) -> None:
    before, after = again.session, _session(again.home)
    assert {name: before[name] for name in ("token", "admin_token", "reader_token", "other", "projects")} == {
        name: after[name] for name in ("token", "admin_token", "reader_token", "other", "projects")
    }
    jaffle = next(project["id"] for project in after["projects"] if project["name"] == "jaffle")
    (job,) = again.get(f"/projects/{jaffle}/jobs")[1]["jobs"]
    (run,) = again.get(f"/projects/{jaffle}/runs")[1]["runs"]
    assert (job["name"], run["status"], run["exit_code"]) == ("alerting", "failed", 3)
    assert "no_such_column" in again.get(f"/runs/{run['id']}/logs")[1]["logs"]
    deliveries = again.get(f"/projects/{jaffle}/jobs/{job['id']}/deliveries")[1]["deliveries"]
    assert {each["status"] for each in deliveries} == {"delivered"}
    # Webhooks of earlier jobs may still arrive.
    assert job["webhook_url"].startswith(after["inbox"]["webhook_url"])
    assert again.call("PUT", f"/projects/{jaffle}/jobs/{job['id']}", {"command": "dbt build"})[0] == 200


def test_a_second_start_in_the_same_home_names_the_first_and_ends(again: Running) -> None:
    process = start(again.home)
    _, errors = process.communicate(timeout=START_SECONDS)

    port = again.session["url"].rpartition(":")[2]
    assert process.returncode == 1
    assert errors.startswith(
        f"make run: {again.home} is used by a `make run` of process {again.process.pid} on port {port}"
    )
    assert errors.count("\n") == 1
    assert again.get("/jobs")[0] == 200


def test_sigterm_ends_it_and_its_pods_and_removes_the_session(again: Running) -> None:
    """The last one here: it ends the again."""
    children = _descendants(again.process.pid)
    assert children

    again.process.send_signal(signal.SIGTERM)
    output, _ = again.process.communicate(timeout=90)

    assert again.process.returncode == 0
    assert not (again.home / "session.json").exists()
    eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert output.count("curl -s") == 4
    assert again.session["token"] in output


def test_a_damaged_store_is_reported_in_one_line_and_fresh_starts_without_it_and_keeps_it(tmp_path: Path) -> None:
    process = start(tmp_path)
    _until_it_answers(process, tmp_path)
    token = _session(tmp_path)["token"]
    process.kill()
    process.communicate()
    store = tmp_path / "store" / "data.sqlite3"
    store.write_bytes(b"nothing that anybody could read")

    process = start(tmp_path)
    _, errors = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert errors.startswith(f"make run: the data in {store} is damaged: ")
    assert f"`make run FRESH=1` begins again and keeps this data in {tmp_path / 'aside'}" in errors
    assert errors.count("\n") == 1

    process = start(tmp_path, FRESH="1")
    try:
        _until_it_answers(process, tmp_path)
        assert _session(tmp_path)["token"] != token
        (kept,) = (tmp_path / "aside").glob("*/store/data.sqlite3")
        assert kept.stat().st_size
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=90)
    assert f"What could not be read is kept in {kept.parents[1]}" in output


def _until_it_answers(process: subprocess.Popen[str], home: Path) -> None:
    eventually(lambda: process.poll() is not None or _session(home).get("pid") == process.pid, START_SECONDS)
    assert process.poll() is None


def _descendants(pid: int) -> list[int]:
    lines = subprocess.run(["ps", "-eo", "pid=,ppid="], check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S607
    parents = {int(child): int(parent) for child, parent in (line.split() for line in lines)}
    found, new = {pid}, {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return sorted(found - {pid})
