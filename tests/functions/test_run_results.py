"""GET /runs/{run_id}/results: read from the log while ingest stores it."""

import os
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import log_of, read_in_pieces
from jobs_api import store
from jobs_api.ingest.ingester import Incomplete
from jobs_api.ingest.run_results import ResultsOfLog
from jobs_api.live import results_so_far
from jobs_api.logs import archive, log_bucket
from jobs_api.logs.masked_results import without_secrets
from jobs_api.logs.results import ResultsReader
from jobs_api.model.results import NodeOutcome, NodeResult, ResultCounts, RunResults
from jobs_api.model.run import Run, RunStatus
from tests.functions.acme import Acme, eventually
from tests.functions.people import Person
from tests.functions.refusals import Refuse
from tests.functions.test_runs import a_run
from tests.separate_results import store_results


def out_of_reach(*_: object, **__: object) -> bool:
    raise ConnectionError("the table is out of reach")


def results_of(person: Person, run: Run) -> Any:
    answer = person.call("GET", f"/api/v1/runs/{run.id}/results")
    assert answer.status == 200, answer.text
    return answer.json


def printing(folder: Path, case: str, then: str = "exit 1") -> str:
    """Return a script that prints a real log."""
    file = folder / f"{case}.log"
    file.write_bytes(log_of(case))
    return f"cat {file}; {then}"


def test_a_run_has_what_each_of_its_nodes_did(acme: Acme, tmp_path: Path) -> None:
    acme.finish(printing(tmp_path, "dbt112-own-two-text"))
    acme.ingest()
    run = acme.only_run()

    told = results_of(acme.alice, run)

    assert told["run_id"] == run.id
    assert told["counts"] == {"success": 4, "warn": 0, "failed": 0, "error": 2, "skipped": 4}
    assert told["complete"] is True
    bad = {node["name"]: node["message"] for node in told["results"] if node["status"] == "error"}
    assert 'Referenced column "amout" not found' in bad["orders"]
    assert all("started_at" in node for node in told["results"] if node["status"] == "success")


def keys_of(run: Run) -> set[str]:
    """Return the ends of the keys of what is stored of a run."""
    listed = log_bucket.bucket_client().list_objects_v2(Bucket=os.environ["LOGS_BUCKET"], Prefix=archive.prefix_of(run))
    return {one["Key"].removeprefix(archive.prefix_of(run)) for one in listed["Contents"]}


def test_the_object_of_a_log_carries_its_results(acme: Acme, tmp_path: Path) -> None:
    acme.finish(printing(tmp_path, "dbt112-own-two-text"))
    acme.ingest()
    run = acme.only_run()

    assert keys_of(run) == {".log.gz"}
    assert len(results_of(acme.alice, run)["results"]) == 10
    assert archive.of_run(run).logs.encode() == log_of("dbt112-own-two-text")


@pytest.mark.parametrize("lines", [0, 20_000], ids=["many nodes", "a long log"])
def test_results_for_which_a_log_has_no_room_are_stored_beside_it(acme: Acme, tmp_path: Path, lines: int) -> None:
    nodes = 3 if lines else 6_000
    script = tmp_path / "long.py"
    script.write_text(
        "import hashlib\nprint('12:00:00  Running with dbt=1.9.0')\n"
        f"for i in range({lines}): print('12:00:00  noise', hashlib.sha256(b'%d' % i).hexdigest())\n"
        f"for i in range(1, {nodes} + 1):\n"
        "    name = hashlib.sha256(b'%d' % i).hexdigest()[:24]\n"
        f"    print(f'12:00:00  {{i}} of {nodes} OK created sql view model main.{{name}} ..... [OK in 0.05s]')\n"
    )
    acme.finish(f"python3 {script}")
    acme.ingest()
    run = acme.only_run()

    assert keys_of(run) == {".log.gz", ".results.gz", *([".tail.gz"] if lines else [])}
    assert results_of(acme.alice, run)["counts"]["success"] == nodes


def test_the_counts_are_on_the_run_wherever_it_is_shown(acme: Acme, tmp_path: Path) -> None:
    acme.finish(printing(tmp_path, "dbt112-own-two-json"))
    acme.ingest()
    run = acme.only_run()

    counts = {"success": 4, "warn": 0, "failed": 0, "error": 2, "skipped": 4}
    listed = acme.alice.call("GET", f"/api/v1/projects/{acme.project.id}/runs").json["runs"]
    assert acme.alice.call("GET", f"/api/v1/runs/{run.id}").json["results"] == counts
    assert [each["results"] for each in listed] == [counts]


def test_a_log_that_nobody_can_read_gives_no_results(acme: Acme) -> None:
    acme.finish("echo hello")
    acme.ingest()
    run = acme.only_run()

    answer = acme.alice.call("GET", f"/api/v1/runs/{run.id}/results")

    assert (answer.status, answer.json["code"]) == (404, "no_results")
    assert "results" not in acme.alice.call("GET", f"/api/v1/runs/{run.id}").json


@pytest.mark.parametrize("case", ["dbt112-own-two-text", "sqlmesh-new-fail-skip"])
def test_an_open_run_has_the_results_that_ended_by_now(acme: Acme, tmp_path: Path, case: str) -> None:
    whole = tmp_path / "whole.log"
    whole.write_bytes(log_of(case))
    begun = acme.start(f"cat {whole}; echo printed; exec sleep 300")
    eventually(lambda: acme.wait_for_pod(begun) and "printed" in live_log(acme, begun))
    acme.ingest()
    run = acme.only_run()

    told = results_of(acme.alice, run)

    expected = read_in_pieces(log_of(case))
    assert expected
    assert run.status is RunStatus.RUNNING
    assert told["counts"] == expected.counts.model_dump(mode="json")
    assert told["complete"] is False
    assert [node["name"] for node in told["results"]] == [node.name for node in expected.results]


def live_log(acme: Acme, job: Any) -> str:
    pod = acme.cluster.pod_of(job)
    assert pod
    return acme.cluster.read_log(acme.organization.namespace, pod["metadata"]["name"], tail=2)


@pytest.mark.parametrize("status", [RunStatus.PENDING, RunStatus.RUNNING])
def test_a_run_without_a_pod_has_no_results_yet(acme: Acme, status: RunStatus) -> None:
    run = a_run(acme.project, status=status)

    assert results_of(acme.alice, run) == {
        "run_id": run.id,
        "results": [],
        "counts": {"success": 0, "warn": 0, "failed": 0, "error": 0, "skipped": 0},
        "complete": False,
    }


def test_a_job_that_the_cluster_does_not_let_read_has_no_results_yet(acme: Acme, refuse: Refuse) -> None:
    refuse("GET", "/jobs/", status=403)

    assert results_of(acme.alice, a_run(acme.project, status=RunStatus.RUNNING))["results"] == []


def test_a_log_without_end_is_read_up_to_what_a_node_keeps() -> None:
    assert b"".join(results_so_far._first(iter([b"12345", b"67890", b"x"]), 8)) == b"12345678"
    assert list(results_so_far._first(repeat(b"1"), 3)) == [b"1"] * 3


def test_results_that_were_removed_with_the_log_are_said_to_be_gone(acme: Acme, tmp_path: Path) -> None:
    acme.finish(printing(tmp_path, "dbt112-own-two-text"))
    acme.ingest()
    run = acme.only_run()

    log_bucket.purge(acme.organization.id)

    answer = acme.alice.call("GET", f"/api/v1/runs/{run.id}/results")
    assert (answer.status, answer.json["code"]) == (404, "no_results")


def test_a_pass_that_died_after_it_stored_the_log_loses_no_results(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = acme.finish(printing(tmp_path, "dbt112-own-two-text"))
    with monkeypatch.context() as patched:
        patched.setattr(store, "advance_run", out_of_reach)
        with pytest.raises(Incomplete):
            acme.ingest()
    acme.delete(job)
    acme.skipped = timedelta(seconds=125)

    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert run.results == ResultCounts(success=4, error=2, skipped=4)
    assert len(results_of(acme.alice, run)["results"]) == 10


def test_a_fault_in_the_reading_costs_the_results_and_not_the_log(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(ResultsReader, "feed", fails)
    acme.finish(printing(tmp_path, "dbt112-own-two-text"))
    acme.ingest()
    run = acme.only_run()

    assert run.results is None
    assert "Done. PASS=4" in acme.log_of(run)


def test_a_cancelled_or_killed_run_has_the_results_that_it_had(acme: Acme, tmp_path: Path) -> None:
    log = log_of("dbt112-own-two-text").partition(b"Finished running")[0]
    (tmp_path / "half.log").write_bytes(log)
    acme.finish(f"cat {tmp_path / 'half.log'}; kill -9 $$")
    acme.ingest()

    told = results_of(acme.alice, acme.only_run())

    assert told["complete"] is False
    assert told["counts"]["success"] == 4


@pytest.mark.parametrize("case", ["dbt112-warns-text", "dbt112-warns-json", "core2-new-warns"])
def test_a_success_with_warnings_names_them(acme: Acme, tmp_path: Path, case: str) -> None:
    if case.startswith("core2"):
        (tmp_path / "warns.log").write_text(ENGINE)
        acme.finish(f"cat {tmp_path / 'warns.log'}")
    else:
        acme.finish(printing(tmp_path, case, then="exit 0"))
    acme.ingest()
    run = acme.only_run()

    assert run.results
    assert run.results.warn == 1
    assert run.message == "1 warning: test assert_w"


ENGINE = """\
dbt-fusion 2.0.0
 Succeeded [  0.02s] model main.orders (table)
    Warned [  0.02s] test  assert_w (tests/assert_w.sql)
==================== Execution Summary =====================
Finished 'build' with 1 warning for target 'dev' [257ms]
Summary: 2 total | 1 success | 1 warn
"""


def test_messages_are_stored_with_masks() -> None:
    reason = "could not connect: postgres://etl:hunter2secret@db/x and s3cr3t-value-of-the-job"
    results = RunResults(
        results=[NodeResult(name="a", resource_type="model", status=NodeOutcome.ERROR, message=reason)],
        counts=ResultCounts(error=1),
        complete=True,
    )

    message = without_secrets(results, ["s3cr3t-value-of-the-job"]).results[0].message or ""

    assert "hunter2secret" not in message
    assert "s3cr3t-value-of-the-job" not in message
    assert message.startswith("could not connect: ")


def test_more_results_than_an_answer_holds_are_cut_and_counted(acme: Acme) -> None:
    many = 20_000
    node = NodeResult(name="n" * 300, resource_type="model", status=NodeOutcome.SUCCESS)
    counts = ResultCounts(success=many)
    run = a_run(acme.project, status=RunStatus.SUCCESS, results=counts)
    store_results(run, RunResults(results=[node] * many, counts=counts, complete=True))

    told = results_of(acme.alice, run)

    assert told["truncated"] is True
    assert 5000 < len(told["results"]) < many
    assert told["counts"]["success"] == many


def test_a_log_is_passed_on_as_it_is(acme: Acme) -> None:
    chunks = [b"12:00:00  1 of 1 PA", b"SS a ... [PASS in 0.1s]\n\xff\0", b""]

    assert list(ResultsOfLog(a_run(acme.project)).reading(chunks)) == chunks
