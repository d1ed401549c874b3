"""Results come from what dbt stored among a run's artifacts, where that can be read, and otherwise from the log."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import as_stored, truth
from jobs_api import store
from jobs_api.logs import stored_results
from jobs_api.model.run import Run
from tests.functions.acme import Acme
from tests.functions.test_run_artifacts import before_its_end, store_files, with_volumes
from tests.functions.test_run_results import printing, results_of

CASE = "dbt112-own-two-text"
STORED = as_stored(truth()[CASE])


def ended_with(acme: Acme, script: str, **files: bytes) -> Run:
    """Return an ended run whose Pod stored these files, compressed already."""
    run = before_its_end(acme, with_volumes(acme, script, None))
    store_files(run, **files)
    acme.ingest()
    return store.get_run(acme.organization.id, run.id)


def by_id(told: Any) -> dict[str, str]:
    return {node["unique_id"]: node["status"] for node in told["results"] if "unique_id" in node}


def test_nodes_are_those_that_dbt_stored_with_the_reasons_of_the_log(acme: Acme, tmp_path: Path) -> None:
    run = ended_with(acme, printing(tmp_path, CASE), run_results=gzip.compress(STORED))

    told = results_of(acme.alice, run)

    assert run.results
    assert told["counts"] == run.results.model_dump(mode="json")
    assert told["complete"] is True
    assert by_id(told)["model.shop.orders"] == "error"
    assert len(by_id(told)) == len(truth()[CASE]["results"])
    (orders,) = (node for node in told["results"] if node["name"] == "orders")
    assert 'Referenced column "amout" not found' in orders["message"]


def test_a_command_that_prints_nothing_has_results_too(acme: Acme) -> None:
    run = ended_with(acme, "exit 1", run_results=gzip.compress(STORED))

    assert len(by_id(results_of(acme.alice, run))) == len(truth()[CASE]["results"])


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b"{"),
        gzip.compress(STORED)[:-9],
        gzip.compress(STORED.replace(b"build", b"list")),
    ],
    ids=["not compressed", "no JSON", "cut", "of a command that runs nothing"],
)
def test_a_file_that_cannot_be_read_leaves_what_the_log_says(acme: Acme, tmp_path: Path, content: bytes) -> None:
    run = ended_with(acme, printing(tmp_path, CASE), run_results=content)

    told = results_of(acme.alice, run)

    assert told["counts"] == {"success": 4, "warn": 0, "failed": 0, "error": 2, "skipped": 4}
    assert by_id(told) == {}


def test_a_file_that_would_fill_the_memory_is_not_read(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_results, "LARGEST_FILE", 200_000)
    bomb = gzip.compress(STORED.replace(b'"results":', b'"x": "' + b" " * 300_000 + b'", "results":'))

    run = ended_with(acme, printing(tmp_path, CASE), run_results=bomb)

    assert by_id(results_of(acme.alice, run)) == {}


def test_secrets_in_what_dbt_stored_have_masks(acme: Acme) -> None:
    stored = STORED.replace(b'"message": null', b'"message": "at postgres://ada:hunter2@db/shop"')

    run = ended_with(acme, "exit 1", run_results=gzip.compress(stored))

    told = results_of(acme.alice, run)
    assert any("postgres://" in node.get("message", "") for node in told["results"])
    assert "hunter2" not in str(told)
