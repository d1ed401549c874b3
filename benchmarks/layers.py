"""The layers as `make build` leaves them: their sizes, and cold starts with them beside a plain build of the same code.

    make build && python -m benchmarks.layers [rounds]

A plain `sam build` unpacks the wheels of the requirements and nothing more. Lambda mounts layers read-only, so that
without bytecode inside each cold start compiles every module again.
"""

import io
import shutil
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.cold_import import LAYERS_MB, SHARED, cluster_functions, import_seconds, install, megabytes
from benchmarks.measure import ROOT, Figure, report
from local.template import read

BUILT = ROOT / ".aws-sam" / "build"
COMMON = ("SharedLayer", "DependenciesLayer")
CLUSTER = "KubernetesLayer"
# Lambda's limit for the unzipped layers: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
UNZIPPED_MB = 262.1


def main(rounds: int = 5) -> None:
    """Measure sizes, and then every function that template.yaml names."""
    if not BUILT.exists():
        sys.exit("there is nothing built: make build")
    report("Layers as built, for both architectures", sizes())
    with plain_build() as plain:
        figures = cold_imports(plain, rounds)
    report(f"Cold import as built, beside a plain build; median of {rounds} fresh processes", figures)


def sizes() -> list[Figure]:
    """Zip each layer as a deployment does, and count both."""
    figures = []
    for layer in (*COMMON, CLUSTER):
        figures.append(Figure(f"{layer}, zipped", zipped_megabytes(BUILT / layer), "MB"))
        figures.append(Figure(f"{layer}, unzipped", megabytes(BUILT / layer, bytecode=True), "MB"))
    common = sum(megabytes(BUILT / layer, bytecode=True) for layer in COMMON)
    figures.append(Figure("all of a function without a cluster", common, "MB", budget=LAYERS_MB))
    with_cluster = common + megabytes(BUILT / CLUSTER, bytecode=True)
    figures.append(Figure("all of a function with one", with_cluster, "MB", budget=UNZIPPED_MB))
    return figures


def zipped_megabytes(folder: Path) -> float:
    """Return the size of a folder as a zip file."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return len(written.getvalue()) / 1e6


@contextmanager
def plain_build() -> Iterator[Path]:
    """Make a folder with the functions and the shared code, without bytecode."""
    with TemporaryDirectory() as folder:
        plain = Path(folder)
        for code in (ROOT / "functions", SHARED):
            shutil.copytree(code, plain, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        yield plain


def cold_imports(plain: Path, rounds: int) -> list[Figure]:
    """Measure each function; its budget is the time with a plain build."""
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    with_cluster = cluster_functions()
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for function in template.functions():
            name = function.code.name
            layers = (*COMMON, CLUSTER) if name in with_cluster else COMMON
            built = [BUILT / function.logical_id, *(BUILT / layer / "python" for layer in layers)]
            times[name, "built"].append(import_seconds("import app", built, template))
            packages = install("kubernetes" if name in with_cluster else "dependencies", bytecode=False)
            unpacked = [plain / name, packages, plain]
            seconds = import_seconds("import app", unpacked, template, PYTHONDONTWRITEBYTECODE="1")
            times[name, "plain"].append(seconds)
    return [
        Figure(name, median(times[name, "built"]) * 1000, "ms", budget=median(times[name, "plain"]) * 1000)
        for name in sorted({name for name, _ in times})
    ]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
