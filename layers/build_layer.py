"""Builds a Lambda layer: its packages for both architectures, without unused files, and with bytecode.

Lambda mounts layers read-only, so without bytecode in them every cold start compiles every module again. Compiled
modules have the architecture in their file names, and Python loads only the right ones. So one layer has both, and no
layer can be for the wrong one. Two builds of one commit are equal, in every byte and every file's time.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
RUNTIME = (3, 13)
# The C library of the runtime, Amazon Linux 2023, is version 2.34; these wheels need at most 2.28.
MANYLINUX = ("2_28", "2_17", "2014")
ARCHITECTURES = ("aarch64", "x86_64")
# The layer on which another is built; its packages are not packed again.
BELOW = {"kubernetes": "dependencies"}
# The earliest time that a zip file can store.
EPOCH = 315532800

# The botocore services that functions use; about 400 others are removed.
SERVICES = frozenset({"dynamodb", "eks", "events", "kms", "s3", "secretsmanager", "sqs", "sts"})
UNUSED = (
    "bin",
    "*/tests",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    # boto3's resources, which no function uses, and their examples.
    "boto3/data",
    "boto3/examples",
    # Swagger UI, which no endpoint serves.
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
    # Slack's other APIs, and the name that slack_sdk once had.
    "slack",
    *(f"slack_sdk/{part}" for part in ("audit_logs", "oauth", "rtm", "rtm_v2", "scim", "socket_mode")),
    # 900 models and their API classes; jobs_api.cluster.lazy_client loads neither.
    "kubernetes/client/api",
    "kubernetes/client/models",
    # Faster copies of Python code that runs once in each process.
    "charset_normalizer/*.so",
    "*__mypyc*.so",
    "yaml/*.so",
)
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==.*?(?=^[A-Za-z0-9]|\Z)", re.MULTILINE | re.DOTALL)


def main(layer: str, artifacts: Path) -> None:
    """Build a layer into a folder as SAM expects it: everything under `python`."""
    if sys.version_info[:2] != RUNTIME:
        sys.exit(f"layers need Python {'.'.join(map(str, RUNTIME))} to compile for the runtime, not {sys.version}")
    target = artifacts / "python"
    if layer == "shared":
        shutil.copytree(HERE / layer / "python", target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        install(layer, target)
        prune(target)
    compile_all(target)
    for path in [*artifacts.rglob("*"), artifacts]:
        os.utime(path, (EPOCH, EPOCH))


def install(layer: str, target: Path) -> None:
    """Install a layer's own requirements for both architectures into one folder."""
    below = BELOW.get(layer)
    wanted, given = requirements(layer), requirements(below) if below else {}
    changed = [name for name in given if name in wanted and wanted[name] != given[name]]
    if changed:
        sys.exit(f"layers/{layer} and layers/{below} disagree on {', '.join(changed)}: make lock")
    with TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("".join(text for name, text in wanted.items() if name not in given))
        for architecture in ARCHITECTURES:
            into = Path(folder) / architecture
            subprocess.run([*installer(architecture), "--target", into, "--requirement", listed], check=True)
            shutil.copytree(into, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def requirements(layer: str) -> dict[str, str]:
    """Read a layer's requirements, each with its hashes, by name."""
    text = (HERE / layer / "requirements.txt").read_text()
    return {match[1]: match[0] for match in REQUIREMENT.finditer(text)}


def installer(architecture: str) -> list[str]:
    """Return the command that installs wheels of an architecture: the Makefile's uv, or else pip."""
    rules = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        platform = f"{architecture}-manylinux_{MANYLINUX[0]}"
        return [uv, "pip", "install", *rules, "--python", sys.executable, "--python-platform", platform]
    if find_spec("pip") is None:
        sys.exit("layers are installed with uv or pip, and neither is here: make build brings uv")
    # pip needs each platform as an option of its own, and the oldest has another name.
    platforms = [f"manylinux{version}" if version == "2014" else f"manylinux_{version}" for version in MANYLINUX]
    flags = [flag for platform in platforms for flag in ("--platform", f"{platform}_{architecture}")]
    version = ".".join(map(str, RUNTIME))
    return [sys.executable, "-m", "pip", "install", *rules, *flags, "--python-version", version, "--no-compile"]


def prune(target: Path) -> None:
    """Remove what no function uses."""
    data = target / "botocore" / "data"
    unused = [path for pattern in UNUSED for path in target.glob(pattern)]
    unused += [path for path in data.glob("*/") if path.name not in SERVICES] if data.exists() else []
    for path in unused:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def compile_all(target: Path) -> None:
    """Compile without checks of the sources, since Lambda's layers cannot change. Tracebacks still show the sources."""
    where = ["-s", str(target), "-p", "/opt/python"]
    mode = ["--invalidation-mode", "unchecked-hash", "-q", "-j", "1"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-m", "compileall", *mode, *where, str(target)], check=True, env=environment)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
