"""The results that dbt stored are read exactly, and combined with what only the log says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.results import STATUSES, as_stored, log_of, truth
from jobs_api.logs.results import ResultsReader
from jobs_api.logs.results.dbt_artifacts import Stored, stored_nodes
from jobs_api.model.results import NodeResult, RunResults

TRUTH = truth()
# Every seventh log, which covers every version and format and each kind of command.
CASES = [case for case in sorted(TRUTH) if TRUTH[case]["results"]][::7]
V6 = "https://schemas.getdbt.com/dbt/run-results/v6.json"
MODEL = {
    "status": "success",
    "timing": [{"name": "compile", "started_at": "2026-11-28T16:33:45.443325Z"}],
    "execution_time": 0.8112907409667969,
    "adapter_response": {"_message": "INSERT 3", "code": "INSERT", "rows_affected": 3},
    "message": "INSERT 3",
    "failures": None,
    "unique_id": "model.shop.orders",
    "relation_name": '"shop"."main"."orders_t"',
}


def document(*results: dict[str, Any], which: str = "build", version: str = "1.11.2", schema: str = V6) -> bytes:
    told = {"metadata": {"dbt_schema_version": schema, "dbt_version": version}, "args": {"which": which}}
    return json.dumps({**told, "results": [{**MODEL, **one} for one in results]}).encode()


def read(log: str, *stored: bytes) -> RunResults:
    reader = ResultsReader()
    reader.feed(log.encode())
    results = reader.results([one for each in stored if (one := stored_nodes(each))], exited=True)
    assert results
    return results


def only(stored: bytes) -> NodeResult:
    (node,) = read("", stored).results
    return node


@pytest.mark.parametrize("case", CASES)
def test_every_node_that_dbt_stored_is_there_once_with_its_status(case: str) -> None:
    known = TRUTH[case]
    results = read(log_of(case).decode("utf-8", "replace"), as_stored(known))

    told = {node.unique_id: node for node in results.results if node.unique_id}
    by_engine = known["tool"] == "dbt (Rust)"
    for unique_id, status, *_ in known["results"]:
        found = [node for node in results.results if node.unique_id == unique_id]
        is_unit_test = by_engine and unique_id.startswith("unit_test") and found[0].status == "failed"
        assert len(found) == 1
        assert found[0].status == STATUSES[status] or is_unit_test
    # Before 1.10 dbt stores no hooks; no version stores nodes that could not be compiled or run.
    others = [node for node in results.results if node.unique_id not in {each[0] for each in known["results"]}]
    assert all(node.resource_type == "operation" or node.status == "error" for node in others)
    assert results.complete
    assert len(told) >= len(known["results"])


def test_a_node_has_what_dbt_says_of_it() -> None:
    node = only(document({}))

    assert node.model_dump(mode="json") == {
        "name": "orders",
        "unique_id": "model.shop.orders",
        "resource_type": "model",
        "status": "success",
        "seconds": 0.811,
        "rows": 3,
        "started_at": "2026-11-28T16:33:45Z",
    }


@pytest.mark.parametrize(
    ("unique_id", "name"),
    [
        ("model.shop.prices.v2", "prices.v2"),
        ("test.shop.not_null_orders_id.cf6c17daed", "not_null_orders_id"),
        ("test.shop.assert_none", "assert_none"),
        ("unit_test.shop.orders.adds_up", "adds_up"),
        ("operation.shop.shop-on-run-start-0", "shop.on-run-start.0"),
    ],
)
def test_names_are_those_of_the_log(unique_id: str, name: str) -> None:
    assert only(document({"unique_id": unique_id})).name == name


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        ({"adapter_response": {"rows_affected": -1}}, None),
        ({"adapter_response": {"code": "SUCCESS", "rows_affected": 1}}, None),
        ({"adapter_response": {"rows_affected": "3"}}, None),
        ({"adapter_response": None}, None),
        ({"unique_id": "test.shop.t.ab", "status": "fail", "failures": 7}, 7),
        ({"unique_id": "test.shop.t.ab", "status": "error", "failures": 0}, None),
    ],
)
def test_rows_are_those_that_were_surely_written_or_found(more: dict[str, Any], rows: int | None) -> None:
    assert only(document(more)).rows == rows


def test_a_skipped_node_took_no_time() -> None:
    node = only(document({"status": "skipped", "execution_time": 0.0, "message": None}))

    assert (node.status, node.seconds, node.started_at, node.message) == ("skipped", None, None, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"metadata": {}, "results": []}',
        document({}, which="compile"),
        document({}, which="generate"),
        document({}, schema="https://schemas.getdbt.com/dbt/run-results/v7.json"),
        document({}, schema="https://schemas.getdbt.com/dbt/manifest/v12.json"),
        document({"status": "a new one"}),
        document({"unique_id": "orders"}),
        document({"unique_id": None}),
        document(),
    ],
)
def test_an_unknown_form_of_results_gives_nothing(content: bytes) -> None:
    assert stored_nodes(content) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(MODEL)), inner, max_size=6),
        max_leaves=12,
    )
)
def test_no_json_breaks_the_reader(node: Any) -> None:
    told = {**MODEL, **node} if isinstance(node, dict) else node
    head = {"metadata": {"dbt_schema_version": V6, "dbt_version": "1.11"}, "args": {"which": "run"}}
    found = stored_nodes(json.dumps({**head, "results": [told]}).encode())
    assert found is None or isinstance(found, Stored)
    if found:
        reader = ResultsReader()
        results = reader.results([found])
        assert results
        assert RunResults.model_validate_json(results.model_dump_json()) == results


RUN = """\
12:00:00  Running with dbt=1.9.0
12:00:01  1 of 2 OK created sql table model main.orders_t ..... [OK in 0.80s]
12:00:02  2 of 2 OK created sql view model main.late ..... [OK in 0.10s]
12:00:03  Finished running 1 table model, 1 view model in 0 hours 0 minutes and 0.20 seconds (0.20s).
12:00:03  Done. PASS=2 WARN=0 ERROR=0 SKIP=0 TOTAL=2
"""
TEST = """\
12:01:00  Running with dbt=1.9.0
12:01:01  1 of 1 PASS unique_orders_id ..... [PASS in 0.05s]
12:01:02  Done. PASS=1 WARN=0 ERROR=0 SKIP=0 TOTAL=1
"""


def test_stored_results_are_of_the_last_invocation_and_the_log_has_the_others() -> None:
    stored = document({"unique_id": "test.shop.unique_orders_id.ab", "status": "pass", "failures": 0}, which="test")

    results = read(RUN + TEST, stored)

    assert [node.name for node in results.results] == ["orders_t", "late", "unique_orders_id"]
    assert [node.unique_id for node in results.results] == [None, None, "test.shop.unique_orders_id.ab"]
    assert results.counts.success == 3
    assert results.complete


def test_results_stored_before_a_killed_invocation_are_not_taken_for_its_own() -> None:
    killed = TEST.partition("12:01:02")[0]
    stored = document({}, {"unique_id": "model.shop.late"}, which="run")

    results = read(RUN + killed, stored)

    assert [node.name for node in results.results] == ["orders_t", "late", "unique_orders_id"]


def test_an_alias_in_the_log_is_the_model_that_dbt_stored() -> None:
    results = read(RUN, document({"status": "error", "message": ""}, {"unique_id": "model.shop.late"}))

    assert [node.name for node in results.results] == ["orders", "late"]


def test_sources_come_from_a_file_of_their_own() -> None:
    fresh = {"unique_id": "source.shop.erp.orders", "status": "runtime error"}
    more: dict[str, Any] = {"message": None, "error": "no such column"}
    schema = "https://schemas.getdbt.com/dbt/sources/v3.json"
    results = read(RUN, document({}, {"unique_id": "model.shop.late"}), document({**fresh, **more}, schema=schema))

    assert [(node.name, node.status, node.message) for node in results.results[2:]] == [
        ("erp.orders", "error", "no such column")
    ]


def test_very_many_nodes_are_combined_without_comparing_each_with_all() -> None:
    many = 5_000
    log = ["12:00:00  Running with dbt=1.9.0"]
    log += [
        f"12:00:01  {at} of {many} ERROR creating sql view model main.m{at} ..... [ERROR in 0.1s]"
        for at in range(1, many + 1)
    ]
    stored = document(
        *(
            {"unique_id": f"model.shop.m{at}", "status": "error", "message": None, "relation_name": None}
            for at in range(1, many + 1)
        )
    )

    results = read("\n".join(log), stored)

    assert results.counts.error == many
