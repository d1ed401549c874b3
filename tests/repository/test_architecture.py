"""The contracts of import-linter in pyproject.toml name every module and function they are meant for."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
KUBERNETES_LAYER = "KubernetesLayer"
# Packages that have pure decisions beside modules that carry them out.
MIXED = ("account_events", "api", "cancel", "edits", "ingest", "live", "logs", "pulse", "sync", "trigger")

# Modules that decide about a run, or show it, from what was observed of its Job and its Pod.
DECIDING = (
    "ingest/decision.py",
    "ingest/giving_up.py",
    "ingest/run_log.py",
    "ingest/run_moves.py",
    "ingest/unseen_end.py",
    "k8s/failure_reason.py",
    "k8s/job_status.py",
    "k8s/pod_logs.py",
    "k8s/pod_status.py",
    "live/documents.py",
    "live/queries.py",
)


def contract(contract_id: str) -> dict[str, Any]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(found for found in contracts if found["id"] == contract_id)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("jobs_api", include_external_packages=True, cache_dir=None)


def test_a_module_without_outside_imports_is_listed_as_pure(graph: grimp.ImportGraph) -> None:
    pure = contract("pure")
    outside = [name for name in pure["forbidden_modules"] if name in graph.modules]

    def is_free(module: str) -> bool:
        return not any(
            module == name or graph.chain_exists(importer=module, imported=name, as_packages=True) for name in outside
        )

    packages = graph.find_children("jobs_api")
    within = {module for package in MIXED for module in graph.find_children(f"jobs_api.{package}")}

    assert {module for module in packages | within if is_free(module)} == set(pure["source_modules"])


def test_a_function_without_the_kubernetes_layer_does_not_import_the_client() -> None:
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
    functions = [item["Properties"] for item in resources if item["Type"] == "AWS::Serverless::Function"]
    without = {Path(it["CodeUri"]) for it in functions if KUBERNETES_LAYER not in str(it.get("Layers"))}
    written = {folder.name for folder in without if (ROOT / folder / "app.py").exists()}

    assert {f"functions.{name}" for name in written} == set(contract("crud")["source_modules"])


@pytest.mark.parametrize("module", DECIDING)
def test_decisions_about_runs_take_observed_and_read_no_json(module: str) -> None:
    tree = ast.parse((ROOT / "layers" / "shared" / "python" / "jobs_api" / module).read_text())

    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    from_json = {one.name for node in imports if node.module == "jobs_api.k8s.json_fields" for one in node.names}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}

    assert from_json <= {"ZERO_TIME", "moment"}
    assert not texts & {"metadata", "spec"}


PACKAGES = sorted((ROOT / "layers/shared/python/jobs_api").glob("*/__init__.py"))


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.parent.name)
def test_a_package_says_what_it_must_not_know_or_do(path: Path) -> None:
    told = ast.get_docstring(ast.parse(path.read_text())) or ""

    assert "must not" in told.lower(), "its docstring says what it knows, and ends with «Must not know …»"
