"""How long a cold start imports: each function in a fresh process with nothing but its layers, beside one boto3 client.

    python -m benchmarks.cold_import [rounds]

The layers are installed into .local/benchmarks as a build installs them, with bytecode. The figures are the processor's
time for the import, without the start of the interpreter. A client is measured between functions, and each function is
compared with the client next to it, because a busy machine slows both. A function's figure is the median of these
ratios, multiplied by the median time of the client.
"""

import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.measure import ROOT, Figure, report
from local.template import Template, read

BASELINE = "import boto3; boto3.client('dynamodb')"
CRUD_RATIO = 1.5
CLUSTER_RATIO = 3.0
LAYERS_MB = 60.0
BETWEEN = 2
CLUSTER_LAYER = "KubernetesLayer"
SHARED = ROOT / "layers" / "shared" / "python"


def main(rounds: int = 7) -> None:
    """Measure every function that template.yaml names."""
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    crud = install("dependencies")
    folders = {function.code.name: crud for function in template.functions()}
    for name in cluster_functions():
        folders[name] = install("kubernetes")
    clients: list[float] = []
    ratios: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for place, (name, layer) in enumerate(folders.items()):
            if place % BETWEEN == 0:
                clients.append(import_seconds(BASELINE, [crud], template))
            path = [ROOT / "functions" / name, layer, SHARED]
            ratios[name].append(import_seconds("import app", path, template) / clients[-1])
    client = median(clients) * 1000
    figures = [Figure("boto3.client('dynamodb')", client, "ms")]
    for name, found in sorted(ratios.items()):
        most = CRUD_RATIO if folders[name] == crud else CLUSTER_RATIO
        figures.append(Figure(name, median(found) * client, "ms", budget=most * client))
    report(f"Cold import, median of {rounds} fresh processes", figures)
    folders_of_crud = (crud, SHARED)
    sizes = [
        Figure("as they are zipped", sum(map(megabytes, folders_of_crud)), "MB", budget=LAYERS_MB),
        Figure("with bytecode", sum(megabytes(folder, bytecode=True) for folder in folders_of_crud), "MB"),
    ]
    report("Unzipped layers of a function without a cluster", sizes)


def cluster_functions() -> set[str]:
    """Return the folders of the functions that template.yaml gives the Kubernetes layer."""
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415 - slow, and only this needs the layers' names

    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
    return {
        Path(resource["Properties"]["CodeUri"]).name
        for resource in resources
        if resource["Type"] == "AWS::Serverless::Function"
        and CLUSTER_LAYER in str(resource["Properties"].get("Layers"))
    }


def install(layer: str, *, bytecode: bool = True) -> Path:
    """Install a layer's requirements, once for each version of them, and return the folder."""
    requirements = ROOT / "layers" / layer / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".local" / "benchmarks" / f"{layer}-{digest}{'' if bytecode else '-plain'}"
    if not folder.exists():
        ours = ROOT / ".tools" / "uv" / "bin" / "uv"
        uv = ours if ours.exists() else "uv"
        making = folder.with_suffix(".new")
        options = ["--quiet", "--require-hashes", *(["--compile-bytecode"] if bytecode else [])]
        options += ["--python", sys.executable]
        subprocess.run([uv, "pip", "install", *options, "--target", making, "-r", requirements], check=True)
        making.rename(folder)
    return folder


def import_seconds(statement: str, path: Sequence[Path], template: Template, **more: str) -> float:
    """Return how long the processor works for a statement, in a new process that sees a path and the library alone."""
    program = f"import time; t = time.process_time()\n{statement}\nprint(time.process_time() - t)"
    environment = {
        **template.environment(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PATH": os.environ["PATH"],
        **more,
    }
    # -S: no site-packages, so that Python does not search this project's own environment.
    return float(subprocess.check_output([sys.executable, "-S", "-c", program], env=environment))


def megabytes(folder: Path, *, bytecode: bool = False) -> float:
    """Return the size of all files in a folder, without bytecode unless `bytecode` is true."""
    files = (path for path in folder.rglob("*") if path.is_file() and (bytecode or path.suffix != ".pyc"))
    return sum(path.stat().st_size for path in files) / 1e6


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
