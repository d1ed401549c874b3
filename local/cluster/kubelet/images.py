"""Images: a folder with a requirements file, installed into a virtual environment of its own on first use.

`dbt` or `dbt:1.10` is the folder images/dbt; a tag is only a label here. The environment's name ends in a hash of the
requirements, so a changed file is installed into another environment.
"""

import asyncio
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from local.cluster.kubelet.processes import Command, Launcher

_PROJECT = Path(__file__).resolve().parents[3]
# https://github.com/distribution/reference: a host, parts of a path, a tag, a digest; only the path has to be there.
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)
_READY = ".ready"  # written last: without it, the installation was interrupted


class PullFailed(Exception):
    """The image cannot be installed; `reason` is ErrImagePull, ErrImageNeverPull or InvalidImageName."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Images:
    """The images under `folder`, installed under `home`."""

    def __init__(self, folder: Path, home: Path, launcher: Launcher) -> None:
        # Absolute, because the launcher has another working directory.
        self._folder = folder.resolve()
        self._home = home.resolve()
        self._launcher = launcher
        self._pulls: dict[Path, asyncio.Task[None]] = {}

    def environment(self, image: str) -> Path:
        """Return where the image's virtual environment is, or will be; raises PullFailed for an unknown image."""
        if not _REFERENCE.fullmatch(image):
            why = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}"'
            raise PullFailed("InvalidImageName", f"{why}: invalid reference format")
        requirements = self._requirements(image)
        if requirements.parent.parent != self._folder or not requirements.is_file():
            full = _full_name(image)
            why = f'failed to pull and unpack image "{full}": failed to resolve image: {full}: not found'
            raise PullFailed("ErrImagePull", f"rpc error: code = NotFound desc = {why}")
        made_of = f"{sys.version}\n{requirements.read_text()}"
        return self._home / f"{requirements.parent.name}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"

    def is_present(self, image: str) -> bool:
        """Return whether the image is installed; False if it does not exist."""
        try:
            return (self.environment(image) / _READY).exists()
        except PullFailed:
            return False

    async def pull(self, image: str) -> Path:
        """Install the image if needed, and return its environment; raises PullFailed.

        Concurrent pulls of one image wait for the same installation.
        """
        environment = self.environment(image)
        if not (environment / _READY).exists():
            pull = self._pulls.get(environment)
            if pull is None:
                pull = asyncio.create_task(self._install(image, environment))
                self._pulls[environment] = pull
                pull.add_done_callback(lambda task: self._pulled(environment, task))
            # Shielded, because the pod that asked first may be deleted while others wait.
            await asyncio.shield(pull)
        return environment

    def _pulled(self, environment: Path, task: asyncio.Task[None]) -> None:
        del self._pulls[environment]
        if not task.cancelled():
            task.exception()  # retrieved, since asyncio complains if nobody does

    async def close(self) -> None:
        """Stop running installations."""
        pulls = list(self._pulls.values())
        for pull in pulls:
            pull.cancel()
        await asyncio.gather(*pulls, return_exceptions=True)

    async def _install(self, image: str, environment: Path) -> None:
        requirements = self._requirements(image)
        # An earlier installation was interrupted.
        await asyncio.to_thread(shutil.rmtree, environment, ignore_errors=True)
        # The pinned one first.
        uv = shutil.which(_PROJECT / ".tools" / "uv" / "bin" / "uv") or shutil.which("uv")
        for command in _with_uv(uv, environment, requirements) if uv else _with_pip(environment, requirements):
            await self._run(command)
        (environment / _READY).touch()

    def _requirements(self, image: str) -> Path:
        return self._folder / re.sub(r"(@.*|:[^:/]*)$", "", image) / "requirements.txt"

    async def _run(self, argv: list[str]) -> None:
        """Run one step of an installation; it ends with the cluster, as containers do. Raises PullFailed."""
        output = _Collected()
        process = await self._launcher.launch(Command(argv, dict(os.environ), "/"), lambda: output)
        ended = await process.wait()
        await output.ended.wait()
        if ended.code != 0:
            raise PullFailed("ErrImagePull", output.said.decode(errors="replace").strip()[-1000:])


def _with_uv(uv: str, environment: Path, requirements: Path) -> list[list[str]]:
    commands = [[uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(environment)]]
    if _is_empty(requirements):
        return commands
    python = str(environment / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", python, "-r", str(requirements)]
    return [*commands, install]


def _with_pip(environment: Path, requirements: Path) -> list[list[str]]:
    bare = ["--without-pip"] if _is_empty(requirements) else []
    commands = [[sys.executable, "-m", "venv", *bare, str(environment)]]
    if bare:
        return commands
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [*commands, [*pip, "-r", str(requirements)]]


def _is_empty(requirements: Path) -> bool:
    return not any(line.split("#")[0].strip() for line in requirements.read_text().splitlines())


class _Collected(asyncio.Protocol):
    """Collects a command's output."""

    def __init__(self) -> None:
        self.said = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.said += data

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # the end of the pipe is no error
        self.ended.set()


def _full_name(image: str) -> str:
    """Return the reference as Docker completes it: docker.io/library/NAME:latest."""
    full = image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"
    if "/" not in full:
        return f"docker.io/library/{full}"
    host = full.partition("/")[0]
    return full if "." in host or ":" in host or host == "localhost" else f"docker.io/{full}"
