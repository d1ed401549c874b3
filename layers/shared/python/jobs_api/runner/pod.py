"""Starts a job's command in its Pod, and stores the artifacts of the run once the command has ended.

Usage: `python3 -I -S -B runner.py COMMAND WORD...`. In the folder of this file are `url`, the address of the API, and
`token`, by which the Pod proves which one it is. The command gets every signal, and its exit code is this program's.
The log is the command's alone, but for one line where something could not be fetched or stored; no such failure
changes how the run ends. Standard library only, any Python from 3.9; an older one just starts the command.
"""

import os
import sys

if sys.version_info < (3, 9):
    os.execvp(sys.argv[1], sys.argv[1:])

try:
    import base64
    import gzip
    import hashlib
    import http.client
    import json
    import re
    import signal
    import threading
    import time
    import urllib.error
    import urllib.request
    import uuid
    import zlib
    from typing import Any, Iterator, Optional
except ImportError:
    # Debian's python3-minimal has a part of the standard library only.
    os.execvp(sys.argv[1], sys.argv[1:])

# How long the whole of storing may take after the command has ended by itself.
SECONDS = 120.0
# 30 seconds after the signal to end a kubelet kills this process, and the command's exit code would be lost. So storing
# is over before. It has the least time where the command itself took that long to end.
SECONDS_WHEN_ENDED, LEAST_SECONDS = 25.0, 5.0
FETCH_SECONDS = 30.0
ONE_REQUEST_SECONDS = 20.0
# Before a request is sent again. S3 and the cluster that the API asks may be out of order for some seconds.
PAUSES = (1.0, 2.0, 4.0)
# The API's answer where more Pods of an organization end at once than it may ask in a second.
TOO_MANY = 429
MOST_STORED = 50
LARGEST_STORED = 100 * 1024 * 1024
# The limit of all files together, compressed.
MOST_STORED_BYTES = 200 * 1024 * 1024
ENDINGS = (".json", ".html")
# The API refuses a list with any other name.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# The files that dbt itself writes are stored first, if not all can be.
OF_DBT = ("manifest.json", "run_results.json", "sources.json", "catalog.json", "semantic_manifest.json", "index.html")
BYTES_PER_READ = 256 * 1024
# dbt writes this file in each run for its own developers, and each stored file costs a request to S3.
LEFT_OUT = ("graph_summary.json",)
# The options and selector methods with which dbt reads the artifacts of an earlier run.
STATE_WORDS = ("--state", "--defer", "--defer-state", "--favor-state")
STATE_METHODS = ("state:", "result:", "source_status:")
# Graph operators, which may stand before a method: https://docs.getdbt.com/reference/node-selection/graph-operators
GRAPH_OPERATORS = "+@0123456789"
# The same options as variables; dbt 1.11 added the longer names.
STATE_VARIABLES = ("DBT_DEFER", "DBT_ENGINE_DEFER", "DBT_FAVOR_STATE", "DBT_ENGINE_FAVOR_STATE")
OFF = ("", "0", "f", "false", "n", "no", "off")
# A method in the file of named selectors, in any of its forms: 'state:modified', state: modified, method: state.
SELECTOR_BY_STATE = re.compile(
    r"\b(?:state|result|source_status)['\"]?:|\bmethod['\"]?: {0,9}['\"]?(?:state|result|source_status)\b"
)
PROJECT_FILE_BYTES = 1024 * 1024
# Python ignores these two, which a child would inherit.
AS_USUAL = [signal.SIGPIPE, signal.SIGXFSZ]
FORWARDED = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]


class PodApi:
    """The calls of this Pod to the API, all before a deadline."""

    def __init__(self, folder: str, seconds: float) -> None:
        """Read where the API is; raises OSError where the Pod was not told."""
        self._token_file = os.path.join(folder, "token")
        with open(os.path.join(folder, "url")) as file:
            self._url = file.read().strip()
        self._until = time.monotonic() + seconds

    def ask(self, run_id: str, body: "dict[str, Any]") -> Any:
        """POST to the run's artifacts; return the answer."""
        with open(self._token_file) as file:
            token = file.read().strip()
        headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self._url}/api/v1/runs/{run_id}/artifacts", json.dumps(body).encode(), headers
        )
        return json.loads(self._send(request))

    def fetch(self, url: str, part: str) -> bytes:
        """GET a part of an object, a compressed file."""
        return gzip.decompress(self._send(urllib.request.Request(url, headers={"Range": part})))

    def store(self, form: "dict[str, Any]", head: bytes, files: "list[Packed]") -> None:
        """POST one object as the form that the API signed: a line, and then the files."""
        boundary = uuid.uuid4().hex
        lines = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form["form"].items()
        ]
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n')
        body = Body("".join(lines).encode() + head, files, f"\r\n--{boundary}--\r\n".encode())
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(body.size),
        }
        self._send(urllib.request.Request(form["url"], body, headers))

    def _send(self, request: urllib.request.Request) -> bytes:
        """Send a request; again where the other side fails, and once more without an answer. Raises OSError."""
        for at in range(len(PAUSES) + 1):
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("it took too long")
            try:
                with urllib.request.urlopen(request, timeout=min(left, ONE_REQUEST_SECONDS)) as answer:
                    content: bytes = answer.read()
                    return content
            except urllib.error.HTTPError as error:
                if at == len(PAUSES) or (error.code < 500 and error.code != TOO_MANY):
                    raise OSError(f"{error.code}: {_message(error.read(2000))}") from error
            except http.client.HTTPException as error:
                # Such as an answer that ends too early.
                if at > 0:
                    raise OSError(f"no answer: {type(error).__name__}") from error
            except OSError:
                # There may be no way from here to there at all, and then the run should not wait for long.
                if at > 0:
                    raise
            time.sleep(PAUSES[at])
        raise AssertionError


class Packed:
    """A file of a folder as it is stored, compressed again each time that it is sent.

    Together the files may be larger than what is left of the Pod's memory, and a Pod that takes more is killed.
    """

    def __init__(self, folder: str, name: str) -> None:
        """Measure it; raises OSError."""
        self.name = name
        self._path = os.path.join(folder, name)
        self.size_bytes = self.stored_bytes = 0
        for piece in self._pieces():
            self.stored_bytes += len(piece)

    def __iter__(self) -> "Iterator[bytes]":
        """Yield it, compressed; raises OSError where it is not as long as it was measured."""
        sent = 0
        for piece in self._pieces():
            sent += len(piece)
            if sent > self.stored_bytes:
                break
            yield piece
        if sent != self.stored_bytes:
            raise OSError(f"{self.name} was changed while it was stored")

    def _pieces(self) -> "Iterator[bytes]":
        self.size_bytes = 0
        packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        with open(self._path, "rb") as file:
            for piece in iter(lambda: file.read(BYTES_PER_READ), b""):
                self.size_bytes += len(piece)
                if self.size_bytes > LARGEST_STORED:
                    raise OSError(f"{self.name} is too large")
                yield packer.compress(piece)
        yield packer.flush()


class Body:
    """The body of a request to store files, which can be sent again."""

    def __init__(self, begin: bytes, files: "list[Packed]", end: bytes) -> None:
        """Take its parts."""
        self._begin, self._files, self._end = begin, files, end
        self.size = len(begin) + sum(one.stored_bytes for one in files) + len(end)

    def __iter__(self) -> "Iterator[bytes]":
        """Yield it in pieces."""
        yield self._begin
        for one in self._files:
            yield from one
        yield self._end


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()[:200]


def run_id() -> str:
    """Return the id of this Pod's run, as the service derives it from the Job's UID where the Pod was not told."""
    told = os.environ.get("JOBS_API_RUN_ID")
    if told:
        return told
    return "run_" + derived(os.environ["JOBS_API_JOB_UID"])


def derived(job_uid: str) -> str:
    """Return what `jobs_api.ids.derived_id` makes of a Job's UID."""
    text = base64.b32encode(hashlib.sha256(job_uid.encode()).digest()[:10]).decode()
    return text.translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv"))


class Command:
    """The command as a child process. As process 1 this program also takes over what other processes leave behind."""

    def __init__(self, words: "list[str]", environment: "dict[str, str]") -> None:
        """Start it; raises OSError."""
        self._pid = self._code = 0
        self._signalled_at: Optional[float] = None
        # A signal that arrives before the child exists is delivered once it does.
        signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        try:
            for number in FORWARDED:
                signal.signal(number, self._forward)
            self._pid = os.posix_spawnp(words[0], words, environment, setsigmask=[], setsigdef=[*AS_USUAL, *FORWARDED])
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)

    def wait(self) -> int:
        """Return the exit code once the command has ended: 128 + n after signal n, as a shell has it."""
        while True:
            pid, status = os.wait()
            if pid == self._pid:
                code = os.waitstatus_to_exitcode(status)
                self._code = 128 - code if code < 0 else code
                self._pid = 0
                return self._code

    def seconds_to_store(self) -> float:
        """Return how long storing may take, now that the command has ended; after a signal, end this program then."""
        if self._signalled_at is None:
            return SECONDS
        left = max(LEAST_SECONDS, self._signalled_at + SECONDS_WHEN_ENDED - time.monotonic())
        # By itself storing ends a moment earlier, as a rule, and can say why.
        self._end_in(left + 1)
        return left

    def _forward(self, number: int, _: object) -> None:
        first, self._signalled_at = self._signalled_at is None, time.monotonic()
        if self._pid:
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                pass
        elif first:
            self._end_in(SECONDS_WHEN_ENDED)

    def _end_in(self, seconds: float) -> None:
        # In a thread, because nothing interrupts a system's search for an address.
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            # The Pod may have no more threads; then the deadline of storing has to do.
            pass

    def _end(self) -> None:
        say("The artifacts of this run were not stored: the Pod is being ended")
        os._exit(self._code)


def artifacts(target: str, since: float) -> "list[str]":
    """Return the names of the artifacts that the command wrote into dbt's target folder, those of dbt itself first."""
    try:
        found = [one for one in os.scandir(target) if one.name.endswith(ENDINGS) and NAME.fullmatch(one.name)]
    except OSError:
        return []
    names = [one.name for one in found if one.name not in LEFT_OUT and _is_written(one, since)]
    return sorted(names, key=lambda name: (name not in OF_DBT, name))[:MOST_STORED]


def _is_written(file: "os.DirEntry[str]", since: float) -> bool:
    try:
        # Not what a link leads to, which may be outside of the folder.
        status = file.stat(follow_symlinks=False)
        return file.is_file(follow_symlinks=False) and status.st_mtime >= since and status.st_size <= LARGEST_STORED
    except OSError:
        # Another process of the Pod has removed it.
        return False


def store(api: PodApi, target: str, names: "list[str]") -> None:
    """Store artifacts as one object, so that half of them is none; raises OSError."""
    files, left_out, size = [], [], 0
    for name in names:
        packed = Packed(target, name)
        if packed.stored_bytes > LARGEST_STORED or size + packed.stored_bytes > MOST_STORED_BYTES:
            left_out.append(name)
            continue
        files.append(packed)
        size += packed.stored_bytes
    if left_out:
        say("Too large to be stored: " + ", ".join(left_out))
    if not files:
        return
    listed = [
        {"path": packed.name, "size_bytes": packed.size_bytes, "stored_bytes": packed.stored_bytes} for packed in files
    ]
    form = api.ask(run_id(), {"files": listed})["upload"]
    api.store(form, form["head"].encode(), files)


def target_folder(words: "list[str]", environment: "dict[str, str]") -> str:
    """Return the folder into which dbt writes: that of its option, else of the environment, else of dbt_project.yml.

    A relative one is in the project's folder. https://docs.getdbt.com/reference/global-configs/json-artifacts
    """
    options = words[1:] if words and os.path.basename(words[0]) == "dbt" else []
    project = option(options, "--project-dir") or variable(environment, "PROJECT_DIR")
    target = option(options, "--target-path") or variable(environment, "TARGET_PATH") or configured_target(project)
    return os.path.abspath(os.path.join(project, target))


def variable(environment: "dict[str, str]", name: str) -> str:
    """Return the value of one of dbt's variables; from dbt 1.11 on, the name with `DBT_ENGINE_` comes first."""
    return environment.get(f"DBT_ENGINE_{name}") or environment.get(f"DBT_{name}") or ""


def option(words: "list[str]", name: str) -> str:
    """Return the value of an option that is given as two words, or as one with a `=`; the last one counts."""
    value = ""
    for at, word in enumerate(words):
        if word == name and at + 1 < len(words):
            value = words[at + 1]
        elif word.startswith(name + "="):
            value = word[len(name) + 1 :]
    return value


def configured_target(project: str) -> str:
    """Return the target-path of dbt_project.yml, or dbt's own default; a value that is a template is not understood."""
    lines = text_of(os.path.join(project, "dbt_project.yml")).splitlines()
    values = [line.split(":", 1)[1].split(" #")[0].strip() for line in lines if line.startswith("target-path:")]
    value = values[-1].strip("\"'") if values else ""
    return "target" if "{{" in value or not value else value


def text_of(path: str) -> str:
    """Return the beginning of a file, "" where it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(PROJECT_FILE_BYTES)
    except (OSError, ValueError):
        return ""


def artifacts_read_by(words: "list[str]", environment: "dict[str, str]") -> str:
    """Return which artifacts a command reads: `previous` of dbt retry, `state`, or "" for none."""
    if not words or os.path.basename(words[0]) != "dbt":
        return ""
    if "retry" in words[1:]:
        return "previous"
    parts = [part for word in words[1:] for part in word.replace("=", " ").replace(",", " ").split()]
    by_words = any(part in STATE_WORDS or part.lstrip(GRAPH_OPERATORS).startswith(STATE_METHODS) for part in parts)
    by_variable = any(environment.get(name, "").lower() not in OFF for name in STATE_VARIABLES)
    return "state" if by_words or by_variable or _selects_by_state(words[1:], environment) else ""


def _selects_by_state(options: "list[str]", environment: "dict[str, str]") -> bool:
    """Return whether the project's named selectors read state; one of them may be the default of any command."""
    project = option(options, "--project-dir") or variable(environment, "PROJECT_DIR")
    return SELECTOR_BY_STATE.search(text_of(os.path.join(project, "selectors.yml"))) is not None


def selected_by_state(target: str) -> bool:
    """Return whether the run that dbt's retry continues read state from its DBT_STATE, as retry then does too."""
    try:
        with open(os.path.join(target, "run_results.json"), "rb") as file:
            return bool(json.load(file)["args"]["state"] == state_folder(target))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def state_folder(target: str) -> str:
    """Return where DBT_STATE points."""
    return os.path.join(target, "state")


def fetch(api: PodApi, which: str, target: str) -> Optional[str]:
    """Fetch earlier artifacts; return the folder for DBT_STATE. Those of the job's last run go into the target."""
    answer = api.ask(run_id(), {"fetch": which})
    if not answer.get("fetched"):
        return None
    folder = target if which == "previous" else state_folder(target)
    os.makedirs(folder, exist_ok=True)
    for artifact in answer["fetched"]:
        path = os.path.join(folder, os.path.basename(artifact["path"]))
        with open(path, "wb") as file:
            file.write(api.fetch(artifact["url"], artifact["range"]))
        # So that it is not taken for a file of this run.
        os.utime(path, (0, 0))
    if which == "previous" and selected_by_state(target):
        fetch(api, "state", target)
    return folder


def say(text: str) -> None:
    """Write a line of this program into the log, if that can be written."""
    try:
        os.write(2, f"[jobs-api] {' '.join(text.split())}\n".encode("utf-8", "replace"))
    except OSError:
        pass


def attempt(failure: str, task: Any) -> Any:
    """Do something that must not change the run; say in one line where it fails."""
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - nor may what nobody thought of change the run
        say(f"{failure}: {str(error)[:300] or type(error).__name__}")
        return None


def main(words: "list[str]") -> int:
    """Run the command; return its exit code."""
    folder = os.path.dirname(os.path.abspath(__file__))
    environment = dict(os.environ)
    target = target_folder(words, environment)
    which = artifacts_read_by(words, environment)
    if which:
        state = attempt(
            "The artifacts of an earlier run were not fetched",
            lambda: fetch(PodApi(folder, FETCH_SECONDS), which, target),
        )
        if state and which == "state":
            environment.setdefault("DBT_STATE", state)
    # A file system may keep whole seconds.
    since = int(time.time())
    try:
        command = Command(words, environment)
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126
    code = command.wait()
    seconds = command.seconds_to_store()

    def keep() -> None:
        names = artifacts(target, since)
        if names:
            store(PodApi(folder, seconds), target, names)

    attempt("The artifacts of this run were not stored", keep)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
