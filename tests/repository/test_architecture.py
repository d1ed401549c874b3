"""The contracts of import-linter in pyproject.toml name every module and function they are meant for."""

import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
KUBERNETES_LAYER = "KubernetesLayer"
# Packages in which decisions stand beside those who carry them out.
MIXED = ("account_events", "api", "ingest", "live", "logs", "sync", "trigger")


def contract(contract_id: str) -> dict[str, Any]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(found for found in contracts if found["id"] == contract_id)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("jobs_api", include_external_packages=True, cache_dir=None)


def test_a_module_that_needs_nothing_outside_is_held_to_that(graph: grimp.ImportGraph) -> None:
    pure = contract("pure")
    outside = [name for name in pure["forbidden_modules"] if name in graph.modules]

    def is_free(module: str) -> bool:
        return not any(
            module == name or graph.chain_exists(importer=module, imported=name, as_packages=True) for name in outside
        )

    packages = graph.find_children("jobs_api")
    within = {module for package in MIXED for module in graph.find_children(f"jobs_api.{package}")}

    assert {module for module in packages | within if is_free(module)} == set(pure["source_modules"])


def test_a_function_without_the_kubernetes_layer_is_held_to_not_needing_it() -> None:
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
    functions = [item["Properties"] for item in resources if item["Type"] == "AWS::Serverless::Function"]
    without = {Path(it["CodeUri"]) for it in functions if KUBERNETES_LAYER not in str(it.get("Layers"))}
    written = {folder.name for folder in without if (ROOT / folder / "app.py").exists()}

    assert {f"functions.{name}" for name in written} == set(contract("crud")["source_modules"])
