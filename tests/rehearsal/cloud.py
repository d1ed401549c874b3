"""An AWS that runs on this machine, and a Kubernetes cluster: the rehearsal deploys to these.

MiniStack runs each function in its own interpreter, with the built layers, and checks every call against the role's
policies. It has no clusters, so the functions find theirs by JOBS_API_KUBECONFIG.
"""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from local.cluster import serving

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
REGION = "us-east-1"
ACCOUNT = "123456789012"
START_SECONDS = 120
# The cluster ends its pods.
STOP_SECONDS = 20
# MiniStack waits for running functions, and one of them runs for a minute. It is killed, because its state is not
# needed.
STOP_AWS_SECONDS = 3


@dataclass(frozen=True)
class Cloud:
    """The addresses of the AWS and the cluster."""

    url: str
    trust: ssl.SSLContext
    kubeconfig: Path
    environment: Mapping[str, str]

    def run(self, *command: str | Path, keys: Mapping[str, str] | None = None) -> str:
        """Run a command against this AWS and return its output; a failure raises with the output.

        `keys` are a user's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without them the caller is the account's root.
        """
        environment = {**self.environment, **(keys or {})}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{' '.join(map(str, command))} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout


@contextmanager
def running(home: Path) -> Iterator[Cloud]:
    """Start both, each in its own process, and end them after the block; `home` has their logs and the pods' images."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "JOBS_API_"))}
    inherited.pop("PYTHONPATH", None)
    # Not for MiniStack, whose functions should only find their layers.
    ours = {"PYTHONPATH": os.pathsep.join([str(ROOT / "layers/shared/python"), str(ROOT)])}
    with ExitStack() as stack:
        # A killed MiniStack leaves its functions' code.
        shutil.rmtree(home / "aws", ignore_errors=True)
        kubeconfig = stack.enter_context(_cluster(home, {**inherited, **ours}))
        port = _free_port()
        # Over TLS, which the bucket's policy requires.
        url = f"https://127.0.0.1:{port}"
        credentials = serving.issue(home / "aws")
        trusted = {"AWS_CA_BUNDLE": str(credentials.authority)}
        trust = ssl.create_default_context(cafile=credentials.authority)
        stack.enter_context(
            _ministack(home, port, credentials, {**inherited, **trusted, "JOBS_API_KUBECONFIG": str(kubeconfig)})
        )
        _wait_for(f"{url}/_ministack/health", trust)
        environment = {
            **inherited,
            **ours,
            **trusted,
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
        }
        yield Cloud(url, trust, kubeconfig, environment)


@contextmanager
def _cluster(home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "local.cluster",
        "--home",
        home,
        "--images",
        ROOT / "local/images",
    ]
    with _process(command, home / "cluster.log", environment):
        yield _there(home / "kubeconfig")


@contextmanager
def _ministack(
    home: Path, port: int, credentials: serving.Credentials, environment: Mapping[str, str]
) -> Iterator[None]:
    folder = home / "aws"
    settings = {
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(credentials.certificate),
        "MINISTACK_SSL_KEY": str(credentials.key),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        # Policies are enforced, also for what the functions do with their roles.
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "TMPDIR": str(folder),
    }
    command: list[str | Path] = [TOOLS / "rehearsal/bin/python", ROOT / "tests/rehearsal/aws.py"]
    with _process(command, home / "aws.log", {**environment, **settings}, STOP_AWS_SECONDS):
        yield


@contextmanager
def _process(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str], stop_seconds: float = STOP_SECONDS
) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(stop_seconds)
            # Including the functions that it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _there(path: Path) -> Path:
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written in {START_SECONDS} s"
        time.sleep(0.1)
    return path


def _wait_for(url: str, trust: ssl.SSLContext) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urlopen(url, timeout=5, context=trust):  # noqa: S310  # it is https
                return
        except (URLError, OSError):
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
