"""Unit tests start at once, without AWS, a cluster or tables."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from local.template import read
from tests.unit.conftest import DEPLOYMENT

ROOT = Path(__file__).parents[2]
# Packages that start a service, or take a second to import.
HEAVY = ("boto3", "botocore", "jobs_api.store", "kubernetes", "tests.fast_moto", "local.cluster", "moto", "pynamodb")
COLLECT = f"""
import pytest, sys
status = pytest.main(["--collect-only", "-qqq", "-p", "no:cacheprovider", "tests/unit"])
sys.exit(status or " ".join(name for name in {HEAVY} if name in sys.modules) or 0)
"""


def test_unit_tests_import_nothing_that_has_to_start() -> None:
    found = subprocess.run([sys.executable, "-c", COLLECT], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (found.returncode, found.stderr) == (0, "")


def test_unit_tests_are_of_the_deployment_that_the_template_names() -> None:
    assert read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache").environment()["DEPLOYMENT"] == DEPLOYMENT


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py") if "rehearsal" not in file.parts)

    # pytest imports test files by their names.
    assert [name for name, count in names.items() if count > 1] == []
