"""The runner in a Pod: it starts a command, stays out of its way, and stores the artifacts."""

import ast
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jobs_api import runner
from jobs_api.ids import derived_id
from jobs_api.model.artifacts import (
    ARTIFACT_NAME,
    MOST_ARTIFACT_BYTES,
    MOST_ARTIFACTS,
    MOST_STORED_ARTIFACT_BYTES,
    ArtifactFile,
)
from jobs_api.runner import pod

# docs/tests.md tells how to try the Python of an image, which may be older than that of the tests.
IMAGE_PYTHON = os.environ.get("RUNNER_PYTHON") or sys.executable
PYTHON = [IMAGE_PYTHON, "-I", "-S", "-B"]
BUILD = """
import json, os, sys
target = os.environ["DBT_TARGET_PATH"]
os.makedirs(target, exist_ok=True)
for name in ("manifest.json", "run_results.json", "partial_parse.msgpack", "graph_summary.json"):
    open(os.path.join(target, name), "w").write(json.dumps({"name": name}))
print("built", *sys.argv[1:])
sys.exit(3)
"""
AWAIT_THE_SIGNAL = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
"""
SIGNAL_THE_RUNNER = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getppid(), signal.SIGTERM)
signal.sigwait([signal.SIGTERM])
"""


def noise(size: int) -> bytes:
    """Return bytes that cannot be compressed, the same ones each time."""
    return hashlib.shake_128(b"noise").digest(size)


@dataclass
class Service:
    """The API and the bucket, as a Pod sees them."""

    url: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    stored: list[tuple[str, bytes]] = field(default_factory=list)
    fetched: list[dict[str, str]] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)
    refuses: int = 0
    fails: list[int] = field(default_factory=list)
    refuses_files: bool = False
    parts: list[str] = field(default_factory=list)
    dying: Callable[[], None] | None = None
    cuts_off: bool = False
    silence: Callable[[], None] | None = None

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        if self.silence:
            self.silence()
        if self.fails:
            return self.fails.pop(), b"<Error><Code>SlowDown</Code></Error>"
        if self.refuses:
            return self.refuses, b'{"message": "not today", "code": "x"}'
        if path.startswith("/bucket"):
            key = re.search(rb'name="key"\r\n\r\n(.*?)\r\n', body)
            if key is None:
                return 200, b"[]"
            if self.refuses_files:
                return 403, b"<Error>EntityTooLarge</Error>"
            content = body.partition(b'filename="file"\r\n\r\n')[2].rpartition(b"\r\n--")[0]
            self.stored.append((key[1].decode(), content))
            return 204, b""
        document = json.loads(body)
        self.asked.append((path, headers["authorization"], document))
        form = {"url": f"{self.url}/bucket", "form": {"key": "bundle"}, "head": "the head\n"}
        return 200, json.dumps({"upload": form, "fetched": self.fetched}).encode()

    @property
    def files(self) -> dict[str, bytes]:
        """Return what was stored, by the names that were asked for."""
        ((_, content),) = self.stored
        assert content.startswith(b"the head\n")
        at, found = len(b"the head\n"), {}
        for one in self.asked[-1][2]["files"]:
            found[one["path"]] = gzip.decompress(content[at : at + one["stored_bytes"]])
            assert len(found[one["path"]]) == one["size_bytes"]
            at += one["stored_bytes"]
        assert at == len(content)
        return found


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            size, body = int(self.headers["content-length"]), b""
            if made.dying and self.path == "/bucket":
                body = self.rfile.read(1000)
                made.dying()
            body += self.rfile.read(size - len(body))
            if len(body) < size:
                return
            status, content = made.answer(self.path, self.headers, body)
            self._send(status, content)

        def do_GET(self) -> None:
            made.parts.append(self.headers["range"])
            self._send(206, gzip.compress(json.dumps(made.documents.get(self.path, {"from": self.path})).encode()))

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(content) + made.cuts_off))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()


@dataclass
class Pod:
    """A folder as the kubelet mounts it, and the command's working directory."""

    folder: Path
    target: Path

    def words(self, *command: str) -> list[str]:
        return [*PYTHON, str(self.folder / "runner.py"), *command]

    def environment(self, **more: str) -> dict[str, str]:
        path = f"{self.folder}:/usr/bin:/bin"
        return {"PATH": path, "DBT_TARGET_PATH": str(self.target), "JOBS_API_RUN_ID": "run_1", **more}

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*command), env=self.environment(**more), capture_output=True, text=True, check=False, timeout=60
        )

    def dbt(self, script: str) -> None:
        """Let `dbt` be a script of Python."""
        file = self.folder / "dbt"
        file.write_text(f"#!{sys.executable}\n{script}")
        file.chmod(0o755)


@pytest.fixture
def mounted(tmp_path: Path, service: Service) -> Pod:
    made = Pod(tmp_path / "jobs-api", tmp_path / "target")
    made.folder.mkdir()
    (made.folder / "runner.py").write_text(runner.source())
    (made.folder / "url").write_text(service.url)
    (made.folder / "token").write_text("the token\n")
    made.dbt(BUILD)
    return made


def test_the_artifacts_are_stored_as_one_object(mounted: Pod, service: Service) -> None:
    done = mounted.run("dbt", "build")

    assert (done.returncode, done.stdout, done.stderr) == (3, "built build\n", "")
    ((path, authorization, document),) = service.asked
    assert (path, authorization) == ("/api/v1/runs/run_1/artifacts", "Bearer the token")
    assert [one["path"] for one in document["files"]] == ["manifest.json", "run_results.json"]
    stored = {path: json.loads(content) for path, content in service.files.items()}
    assert stored == {name: {"name": name} for name in ("manifest.json", "run_results.json")}


def test_a_refusal_of_s3_is_one_line_in_the_log(mounted: Pod, service: Service) -> None:
    service.refuses_files = True
    done = mounted.run("dbt", "build")
    assert (done.returncode, done.stdout) == (3, "built build\n")
    assert done.stderr == "[jobs-api] The artifacts of this run were not stored: 403: <Error>EntityTooLarge</Error>\n"
    assert service.stored == []


@pytest.mark.parametrize("break_it", ["refused", "down", "cut off", "no form", "no token", "no address"])
def test_a_run_ends_as_its_command_does_whatever_happens_to_the_artifacts(
    mounted: Pod, service: Service, break_it: str
) -> None:
    match break_it:
        case "refused":
            service.refuses = 403
        case "down":
            (mounted.folder / "url").write_text("http://127.0.0.1:1")
        case "cut off":
            service.cuts_off = True
        case "no form":
            (mounted.folder / "url").write_text(f"{service.url}/bucket")
        case "no token":
            (mounted.folder / "token").unlink()
        case _:
            (mounted.folder / "url").unlink()
    done = mounted.run("dbt", "build")
    assert (done.returncode, done.stdout) == (3, "built build\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("[jobs-api] The artifacts of this run were not stored: ")


def test_a_run_ends_as_its_command_does_where_the_line_about_it_cannot_be_written(
    mounted: Pod, service: Service
) -> None:
    service.refuses = 403
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            mounted.words("dbt", "build"),
            env=mounted.environment(),
            stdout=subprocess.DEVNULL,
            stderr=full,
            check=False,
        )
    assert done.returncode == 3


def test_a_file_whose_name_the_service_refuses_leaves_the_others_their_place(mounted: Pod, service: Service) -> None:
    mounted.target.mkdir()
    names = [".hidden.json", "a b.json", "ä.json", "a\nb.json", "-.json", f"{'x' * 124}.json"]
    for name in [*names, f"{'x' * 123}.json"]:
        (mounted.target / name).write_text("{}")
        # As if the command wrote it.
        os.utime(mounted.target / name, (2**32, 2**32))
    (mounted.target / "link.json").symlink_to("/etc/passwd")
    assert mounted.run("dbt", "build").stderr == ""

    assert sorted(service.files) == ["manifest.json", "run_results.json", f"{'x' * 123}.json"]
    for name in service.files:
        ArtifactFile.checked({"path": name, "size_bytes": 2, "stored_bytes": 22})


def test_the_runner_stores_what_the_service_accepts() -> None:
    runners = (pod.MOST_STORED, pod.LARGEST_STORED, pod.MOST_STORED_BYTES, f"^{pod.NAME.pattern}$")
    assert runners == (MOST_ARTIFACTS, MOST_ARTIFACT_BYTES, MOST_STORED_ARTIFACT_BYTES, ARTIFACT_NAME)


def test_the_files_of_dbt_are_stored_first_where_there_are_very_many(tmp_path: Path) -> None:
    for number in range(500):
        (tmp_path / f"doc_{number:03}.json").write_text("{}")
    for name in pod.OF_DBT:
        (tmp_path / name).write_text("{}")
    names = pod.artifacts(str(tmp_path), 0)

    assert len(names) == pod.MOST_STORED
    assert set(names) == {*pod.OF_DBT, *(f"doc_{number:03}.json" for number in range(pod.MOST_STORED - 6))}


def test_a_file_that_another_process_removes_meanwhile_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}")
    (entry,) = os.scandir(tmp_path)
    Path(entry.path).unlink()
    assert not pod._is_written(entry, 0)


def test_files_that_are_too_large_together_leave_the_others_their_place(
    mounted: Pod, service: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pod, "MOST_STORED_BYTES", 1000)
    monkeypatch.setenv("JOBS_API_RUN_ID", "run_1")
    mounted.target.mkdir()
    for name, size in {"a.json": 500, "b.json": 600, "c.json": 300}.items():
        (mounted.target / name).write_bytes(noise(size))
    pod.store(pod.PodApi(str(mounted.folder), 30), str(mounted.target), ["a.json", "b.json", "c.json"])

    assert list(service.files) == ["a.json", "c.json"]
    assert capfd.readouterr().err == "[jobs-api] Too large to be stored: b.json\n"


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """The command may have left little of the Pod's memory, and a Pod that takes more is killed."""
    (tmp_path / "manifest.json").write_bytes(noise(8 * 1024 * 1024))
    tracemalloc.start()
    body = pod.Body(b"begin", [pod.Packed(str(tmp_path), "manifest.json")] * 2, b"end")
    sent = sum(map(len, body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sent == body.size > 16 * 1024 * 1024
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("content", [b"", b"{}", b"{} and more"])
def test_a_file_that_changes_while_it_is_stored_is_not_stored(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(b"{...}")
    packed = pod.Packed(str(tmp_path), file.name)
    file.write_bytes(content)
    with pytest.raises(OSError, match="changed while it was stored"):
        list(packed)


@pytest.mark.slow
@pytest.mark.parametrize("failures", [[503, 500], [429]], ids=["out of order", "too many Pods at once"])
def test_a_request_that_fails_for_a_moment_is_sent_again(mounted: Pod, service: Service, failures: list[int]) -> None:
    service.fails = failures
    done = mounted.run("dbt", "build")

    assert (done.returncode, done.stderr) == (3, "")
    assert list(service.files) == ["manifest.json", "run_results.json"]


def test_artifacts_of_an_earlier_run_in_the_same_folder_are_not_this_runs(mounted: Pod, service: Service) -> None:
    mounted.target.mkdir()
    old = mounted.target / "catalog.json"
    old.write_text("{}")
    os.utime(old, (1, 1))
    mounted.run("dbt", "build")
    assert "catalog.json" not in service.files


def test_a_command_without_artifacts_asks_for_nothing(mounted: Pod, service: Service) -> None:
    (mounted.folder / "url").unlink()
    done = mounted.run("true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert service.asked == []


def test_a_command_that_reads_state_finds_that_of_the_last_success(mounted: Pod, service: Service) -> None:
    service.fetched = [{"path": "manifest.json", "url": f"{service.url}/old/manifest.json", "range": "bytes=5-9"}]
    mounted.dbt("import os; print(open(os.environ['DBT_STATE'] + '/manifest.json').read())")
    done = mounted.run("dbt", "build", "--select", "state:modified+", "--defer")
    assert done.stdout == '{"from": "/old/manifest.json"}\n', done.stderr
    assert [document for *_, document in service.asked] == [{"fetch": "state"}]
    assert service.parts == ["bytes=5-9"]


def test_dbt_retry_finds_the_jobs_last_run_in_its_target(mounted: Pod, service: Service) -> None:
    service.fetched = [{"path": "run_results.json", "url": f"{service.url}/old/run_results.json", "range": "bytes=5-9"}]
    mounted.dbt("import os; print(os.environ.get('DBT_STATE'), os.listdir(os.environ['DBT_TARGET_PATH']))")
    done = mounted.run("dbt", "retry")
    assert done.stdout == "None ['run_results.json']\n", done.stderr
    assert [document for *_, document in service.asked] == [{"fetch": "previous"}]


def test_dbt_retry_finds_the_state_that_the_run_before_selected_by(mounted: Pod, service: Service) -> None:
    service.fetched = [{"path": "run_results.json", "url": f"{service.url}/old/run_results.json", "range": "bytes=5-9"}]
    service.documents["/old/run_results.json"] = {"args": {"state": str(mounted.target / "state")}}
    mounted.dbt("import os; print(os.environ.get('DBT_STATE'), os.listdir(os.environ['DBT_TARGET_PATH'] + '/state'))")
    done = mounted.run("dbt", "retry")
    assert done.stdout == "None ['run_results.json']\n", done.stderr
    assert [document for *_, document in service.asked] == [{"fetch": "previous"}, {"fetch": "state"}]


def test_no_path_that_the_answer_names_leaves_the_folder(mounted: Pod, service: Service, tmp_path: Path) -> None:
    service.fetched = [{"path": "../../escaped", "url": f"{service.url}/old", "range": "bytes=5-9"}]
    mounted.run("dbt", "retry")
    assert not (tmp_path / "escaped").exists()
    assert (mounted.target / "escaped").exists()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("dbt build --select state:modified+ --defer", "state"),
        ("dbt build --select=tag:a,state:new", "state"),
        ("/usr/local/bin/dbt source freshness --select source_status:fresher+", "state"),
        ("dbt --no-use-colors retry", "previous"),
        ("dbt build --select +state:modified", "state"),
        ("dbt test --select @state:modified", "state"),
        ("dbt build --select tag:a,2+state:modified+1", "state"),
        ("dbt build --select my_state", ""),
        ("dbt build --select +estate:modified", ""),
        ("sqlmesh run retry", ""),
        ("echo state:modified", ""),
    ],
)
def test_artifacts_that_a_command_reads_are_found_by_its_words(command: str, expected: str) -> None:
    assert pod.artifacts_read_by(command.split(), {}) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DBT_DEFER": "true"}, "state"),
        ({"DBT_ENGINE_DEFER": "1"}, "state"),
        ({"DBT_FAVOR_STATE": "True"}, "state"),
        ({"DBT_DEFER": "False", "DBT_ENGINE_DEFER": "0", "DBT_FAVOR_STATE": ""}, ""),
    ],
)
def test_a_variable_that_defers_reads_state_too(environment: dict[str, str], expected: str) -> None:
    assert pod.artifacts_read_by(["dbt", "build"], environment) == expected


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("'state:modified+'", "state"),
        ("{state: modified}", "state"),
        ("{method: state, value: modified, children: true}", "state"),
        ('{"method": "result", "value": "error"}', "state"),
        ("union: ['tag:a', '+source_status:fresher']", "state"),
        ("{method: tag, value: state}", ""),
        ("'tag:restate'", ""),
    ],
)
def test_a_named_selector_may_read_state(definition: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "selectors.yml").write_text(f"selectors:\n  - name: changed\n    definition: {definition}\n")

    for words in (
        ["dbt", "build", "--project-dir", str(tmp_path)],
        ["dbt", "--quiet", "ls", f"--project-dir={tmp_path}"],
    ):
        assert pod.artifacts_read_by(words, {}) == expected
    for name in ("DBT_PROJECT_DIR", "DBT_ENGINE_PROJECT_DIR"):
        assert pod.artifacts_read_by(["dbt", "build"], {name: str(tmp_path)}) == expected


@pytest.mark.parametrize(
    ("command", "environment", "expected"),
    [
        ("dbt build --target-path out", {"DBT_TARGET_PATH": "/env"}, "out"),
        ("dbt --target-path=/out build", {"DBT_TARGET_PATH": "/env"}, "/out"),
        ("dbt build --target-path a --target-path b", {}, "b"),
        ("dbt build --project-dir sub --target-path out", {}, "sub/out"),
        ("dbt build --project-dir sub", {"DBT_TARGET_PATH": "/env"}, "/env"),
        ("dbt build", {"DBT_PROJECT_DIR": "sub", "DBT_TARGET_PATH": "out"}, "sub/out"),
        ("dbt build", {"DBT_ENGINE_TARGET_PATH": "/own", "DBT_TARGET_PATH": "/env"}, "/own"),
        ("dbt build", {"DBT_ENGINE_TARGET_PATH": "", "DBT_TARGET_PATH": "/env"}, "/env"),
        ("dbt build", {"DBT_ENGINE_PROJECT_DIR": "sub"}, "sub/quoted"),
        ("dbt build", {"DBT_TARGET_PATH": ""}, "of the project"),
        ("dbt build --project-dir sub", {}, "sub/quoted"),
        ("dbt build --project-dir template", {}, "template/target"),
        ("dbt build --project-dir nowhere", {}, "nowhere/target"),
        ("dbt build --target-path", {}, "of the project"),
        ("sh -c true --target-path out", {"DBT_TARGET_PATH": "/env"}, "/env"),
    ],
)
def test_artifacts_are_those_of_the_folder_into_which_dbt_writes(
    command: str, environment: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = {"": "of the project  # a comment", "sub": '"quoted"', "template": "\"{{ env_var('X') }}\""}
    for folder, value in projects.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "dbt_project.yml").write_text(f"name: x\n  target-path: nested\ntarget-path: {value}\n")
    monkeypatch.chdir(tmp_path)

    assert pod.target_folder(command.split(), environment) == str(tmp_path / expected)


def test_artifacts_of_another_target_path_are_stored(mounted: Pod, service: Service, tmp_path: Path) -> None:
    mounted.dbt(BUILD.replace('os.environ["DBT_TARGET_PATH"]', 'sys.argv[sys.argv.index("--target-path") + 1]'))

    mounted.run("dbt", "build", "--target-path", str(tmp_path / "elsewhere"))

    assert list(service.files) == ["manifest.json", "run_results.json"]


def test_a_pod_that_dies_in_the_middle_of_its_upload_stores_nothing(mounted: Pod, service: Service) -> None:
    process: subprocess.Popen[bytes]
    service.dying = lambda: os.kill(process.pid, signal.SIGKILL)
    # More than lies in the buffers of a connection.
    mounted.dbt(BUILD.replace('json.dumps({"name": name})', "os.urandom(10_000_000).hex()"))
    process = subprocess.Popen(mounted.words("dbt", "build"), env=mounted.environment(), stdout=subprocess.DEVNULL)
    process.wait(60)

    assert len(service.asked) == 1
    assert service.stored == []


@pytest.mark.parametrize("code", [0, 1, 2, 77, 255])
def test_the_exit_code_is_the_commands(mounted: Pod, code: int) -> None:
    assert mounted.run("sh", "-c", f"exit {code}").returncode == code


def test_a_command_that_a_signal_ended_has_a_shells_code(mounted: Pod) -> None:
    assert mounted.run("sh", "-c", "kill -KILL $$").returncode == 137


def test_a_program_that_is_not_there_is_said_to_be_missing(mounted: Pod) -> None:
    done = mounted.run("nowhere")
    assert (done.returncode, done.stderr) == (127, "nowhere: No such file or directory\n")


def test_the_command_gets_the_signals_and_may_end_in_its_own_way(mounted: Pod) -> None:
    script = "trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    words = mounted.words("sh", "-c", script)
    with subprocess.Popen(words, env=mounted.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "asked\n"
        assert process.wait(60) == 7


@pytest.mark.parametrize("when", ["while it stores", "before it stores"])
def test_a_pod_that_gets_the_signal_while_nothing_can_be_stored_ends_as_its_command_did(
    mounted: Pod, service: Service, when: str
) -> None:
    program = mounted.folder / "runner.py"
    shorter = "SECONDS_WHEN_ENDED, LEAST_SECONDS = 0.2, 0.1"
    program.write_text(source := runner.source().replace("SECONDS_WHEN_ENDED, LEAST_SECONDS = 25.0, 5.0", shorter))
    assert shorter in source
    over = threading.Event()
    process: subprocess.Popen[str]

    def silence() -> None:
        if when == "while it stores":
            os.kill(process.pid, signal.SIGTERM)
        over.wait(100)

    service.silence = silence
    if when == "before it stores":
        mounted.dbt(AWAIT_THE_SIGNAL + BUILD)
    process = subprocess.Popen(
        mounted.words("dbt", "build"),
        env=mounted.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stderr
        if when == "before it stores":
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == 3
        finally:
            process.kill()
            over.set()
        assert process.stderr.read().startswith("[jobs-api] The artifacts of this run were not stored: ")


def test_a_pod_that_may_have_no_more_threads_ends_as_its_command_did(mounted: Pod, service: Service) -> None:
    program = mounted.folder / "runner.py"
    refusing = 'raise RuntimeError("can\'t start new thread")'
    program.write_text(source := runner.source().replace("timer.start()", refusing))
    assert refusing in source
    mounted.dbt(SIGNAL_THE_RUNNER + BUILD)
    done = mounted.run("dbt", "build")
    assert (done.returncode, done.stderr) == (3, "")
    assert list(service.files) == ["manifest.json", "run_results.json"]


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a PID namespace")
def test_as_process_1_it_reaps_orphans_and_forwards_signals(mounted: Pod) -> None:
    orphan = "(sleep 0.1 &); sleep 0.3; ps -eo stat= | grep -c Z; echo ready"
    script = f"trap 'exit 7' TERM; {orphan}; while :; do sleep 0.05; done"
    words = [
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--mount-proc",
        *mounted.words("sh", "-c", script),
    ]
    if subprocess.run([*words[:6], "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a PID namespace")
    with subprocess.Popen(words, env=mounted.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["0\n", "ready\n"]
        child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(60) == 7


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a mount namespace")
def test_a_pod_with_a_read_only_root_stores_what_its_command_wrote_into_the_target(
    mounted: Pod, service: Service, tmp_path: Path
) -> None:
    """The target folder is an emptyDir, a file system of its own; all the rest, /tmp too, cannot be written."""
    mounted.target.mkdir()
    read_only = """
        mount --make-rprivate / && mount --bind "$0" "$0" || exit 99
        awk '{ print $5 }' /proc/self/mountinfo | while read -r place; do
            case "$place" in "$0" | /proc* | /dev* | /sys*) ;; *) mount -o remount,bind,ro "$place" || exit 98 ;; esac
        done || exit 98
        ! touch "$HOME/x" 2>/dev/null && ! touch /tmp/x 2>/dev/null || exit 97
        exec "$@"
    """
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", read_only, str(mounted.target)]
    environment = mounted.environment(HOME=str(tmp_path))
    if subprocess.run([*words, "true"], env=environment, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a file system read-only")
    service.fetched = [{"path": "manifest.json", "url": f"{service.url}/old/manifest.json", "range": "bytes=5-9"}]
    mounted.dbt("import os; print(os.listdir(os.environ['DBT_STATE']))\n" + BUILD)

    done = subprocess.run(
        [*words, *mounted.words("dbt", "build", "--select", "state:modified")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "['manifest.json']\nbuilt build --select state:modified\n"
    assert list(service.files) == ["manifest.json", "run_results.json"]


def test_the_environment_and_every_word_reach_the_command_untouched(mounted: Pod) -> None:
    show = "import os, sys, json; print(json.dumps([sys.argv[1:], sorted(os.environ)]))"
    odd = ["", "a b", "$HOME", "*", "'", '"', "é", "-x", "a\nb"]
    done = mounted.run(sys.executable, "-c", show, *odd, ODD="x")
    words, names = json.loads(done.stdout)
    assert words == odd
    assert set(names) >= {"PATH", "ODD", "DBT_TARGET_PATH"}
    assert set(names) <= {"PATH", "ODD", "DBT_TARGET_PATH", "JOBS_API_RUN_ID", "LC_CTYPE"}


def test_the_child_has_the_usual_signals(mounted: Pod) -> None:
    shown = mounted.run("grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status").stdout
    # Signals 32 and 33 are the C library's own.
    assert [int(line.split()[1], 16) & 0x7FFFFFFF for line in shown.splitlines()] == [0, 0]


@pytest.mark.parametrize("missing", ["python", "runner"])
def test_the_command_runs_without_python_and_without_the_runner(tmp_path: Path, missing: str) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "echo").symlink_to("/bin/echo")
    (tools / "python3").symlink_to(IMAGE_PYTHON)
    (tools / ("python3" if missing == "python" else "other")).unlink(missing_ok=True)
    words = runner.words(["echo", "it", "ran", "$0"])
    words[3] = str(tmp_path / "runner.py")
    if missing == "python":
        Path(words[3]).write_text(runner.source())
    done = subprocess.run(words, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "it ran $0\n", "")


def test_the_command_runs_in_an_image_whose_python_lacks_modules(mounted: Pod) -> None:
    (mounted.folder / "json.py").write_text("raise ImportError")
    lacks_json = (
        f"import sys; sys.path.insert(0, {str(mounted.folder)!r}); sys.argv[:1] = []; exec(open(sys.argv[0]).read())"
    )
    words = [*PYTHON, "-c", lacks_json, str(mounted.folder / "runner.py"), "echo", "it ran"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "it ran\n", "")


def test_any_python_from_3_9_reads_it_and_an_older_one_gets_to_its_version_check() -> None:
    for version in ((3, 9), (3, 7)):
        tree = ast.parse(runner.source(), feature_version=version)
    first = [node for node in tree.body if not isinstance(node, ast.Expr)][:3]
    assert [type(node) for node in first] == [ast.Import, ast.Import, ast.If]


@pytest.mark.parametrize("uid", ["6f7d1c0e-8a4f-4a53-9a39-6b3b1f0f0001", "x", ""])
def test_the_id_of_a_scheduled_run_is_the_one_that_the_service_derives(uid: str) -> None:
    assert "run_" + pod.derived(uid) == derived_id("run_", uid)


def test_it_starts_without_what_only_storing_needs(mounted: Pod) -> None:
    """A budget in processor time: 300 ms is what a run may lose, and the machine of a test is slow."""
    before = os.times()
    mounted.run("true")
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1
