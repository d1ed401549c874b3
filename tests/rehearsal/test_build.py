"""A build depends on the commit alone: a second build has the same bytes and the same file times."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rehearsal.cloud import ROOT

MAKE = shutil.which("make") or "make"
BUILT = ROOT / ".aws-sam" / "build"

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("layer", ["SharedLayer", "DependenciesLayer", "KubernetesLayer"])
def test_a_layer_built_again_is_the_same(layer: str, tmp_path: Path) -> None:
    ours = ROOT / ".tools/uv/bin/uv"
    subprocess.run(
        [MAKE, f"build-{layer}", f"ARTIFACTS_DIR={tmp_path}", f"PYTHON={sys.executable}"],
        cwd=ROOT / "layers",
        env={**os.environ, **({"UV": str(ours)} if ours.exists() else {})},
        check=True,
        capture_output=True,
    )

    assert contents(tmp_path) == contents(BUILT / layer)


def contents(folder: Path) -> dict[str, tuple[str, float]]:
    """Return the hash and the time of each file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime)
        for path in files
    }
