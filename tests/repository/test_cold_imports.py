"""A cold start imports and compiles little; `python -m benchmarks.cold_import` measures how long it takes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cold_import import cluster_functions
from local.template import read

ROOT = Path(__file__).parents[2]

# The packages outside the standard library that a function may import which only reads and writes records.
PACKAGES = {
    "annotated_types", "aws_lambda_powertools", "blinker", "boto3", "botocore", "certifi", "dateutil", "jmespath",
    "jobs_api", "pydantic", "pydantic_core", "pynamodb", "s3transfer", "six", "standardwebhooks", "typing_extensions",
    "typing_inspection", "tzdata", "urllib3",
}  # fmt: skip

PROGRAM = """
import importlib.util, json, sys
def descendants(kind):
    return {kind}.union(*map(descendants, kind.__subclasses__()))
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("app", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
from jobs_api.model.document import Record
modules = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
modules = {name for name in modules if not name.startswith("_")}
compiled = [
    kind.__name__
    for kind in descendants(Record)
    # Pydantic itself compiles a generic class when a type is put in.
    if kind.__dict__.get("__pydantic_complete__") and not kind.__pydantic_generic_metadata__["parameters"]
]
print(json.dumps({"packages": sorted(modules), "modules": sorted(sys.modules), "compiled": sorted(compiled)}))
"""


@pytest.fixture(scope="module")
def imported() -> Any:
    """Import every function without the Kubernetes layer in one new process."""
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    folders = {function.code.name for function in template.functions()} - cluster_functions()
    paths = [str(ROOT / "functions" / folder / "app.py") for folder in sorted(folders)]
    environment = {**os.environ, **template.environment(), "PYTHONPATH": str(ROOT / "layers/shared/python")}
    program = [sys.executable, "-c", PROGRAM, *paths]
    return json.loads(subprocess.check_output(program, env=environment, cwd="/"))


def test_a_function_that_only_reads_and_writes_records_imports_no_other_package(imported: Any) -> None:
    assert set(imported["packages"]) - PACKAGES == set()


def test_modules_that_only_some_requests_need_are_imported_late(imported: Any) -> None:
    late = {"cryptography", "jobs_api.cluster", "jobs_api.k8s", "concurrent.futures.process", "http.server"}

    assert late & set(imported["modules"]) == set()


def test_no_rules_are_compiled_for_what_is_only_stored(imported: Any) -> None:
    assert imported["compiled"] == []
