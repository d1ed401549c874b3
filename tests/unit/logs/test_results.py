"""Results read from logs that dbt, its Rust engine and SQLMesh wrote, held against what their runs really did."""

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.results import DATA, compared, log_of, read_in_pieces, truth
from jobs_api.logs.excerpt import excerpt
from jobs_api.logs.results import MOST_RESULTS, ResultsReader
from jobs_api.model.results import RunResults

CASES = truth()
# Each tool, version and format once.
SOME = [
    "dbt17-own-two-text",
    "dbt18-own-many-tests-text",
    "dbt19-own-two-json",
    "dbt112-own-two-debug",
    "dbt112-own-two-nocolor",
    "dbt112-own-two-jsondebug",
    "dbt112-own-fresh-text",
    "core2-new-build-text",
    "core2-new-build-json",
    "sqlmesh-new-fail-skip",
    "sqlmesh-old-fail-skip",
    "sqlmesh-new-audit-cmd",
]


def read(log: str, began: datetime | None = None) -> RunResults | None:
    reader = ResultsReader(began)
    reader.feed(log.encode())
    return reader.results()


def statuses(results: RunResults | None) -> dict[str, str]:
    return {node.name: str(node.status) for node in results.results} if results else {}


def of_case(case: str) -> RunResults:
    results = read_in_pieces(log_of(case))
    assert results
    return results


# Logs without progress lines, and those in which --fail-fast leaves results uncertain.
SILENT = ("op-", "opbad", "compile", "docs", "fail-fast", "failfast", "connect", "retry", "quiet")


@pytest.mark.parametrize("case", CASES)
def test_results_of_a_log_equal_those_that_dbt_recorded(case: str) -> None:
    score = compared(case, CASES[case])
    # The engine's run_results.json has ephemeral models, of which its log says nothing.
    in_log = sum(not unique_id.endswith(".eph") for unique_id, *_ in CASES[case]["results"])

    assert score.differences == []
    assert score.read >= in_log or (not score.complete and any(word in case for word in SILENT))


@pytest.mark.parametrize("case", SOME)
def test_how_a_log_is_cut_changes_nothing(case: str) -> None:
    log = log_of(case)

    whole = read_in_pieces(log, len(log))

    assert whole
    assert read_in_pieces(log, 1) == read_in_pieces(log, 977) == whole


@pytest.mark.parametrize("case", SOME)
def test_another_process_continues_where_the_first_one_stopped(case: str) -> None:
    log = log_of(case)
    cuts = [0, len(log) // 7, len(log) // 3, len(log) // 2, len(log) - 40, len(log)]
    state = ResultsReader().state
    for begin, end in pairwise(cuts):
        reader = ResultsReader.from_state(json.loads(json.dumps(state)))
        reader.feed(log[begin:end])
        state = reader.state

    assert ResultsReader.from_state(state).results() == read_in_pieces(log)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_no_output_of_a_program_breaks_the_reader(log: bytes, piece: int) -> None:
    assert read_in_pieces(log, piece) is None or b"[" in log


@pytest.mark.parametrize("case", [case for case in SOME if case.startswith("dbt112-own-two")])
def test_a_failure_says_why(case: str) -> None:
    told = {node.name: node.message for node in of_case(case).results if node.status == "error"}

    assert 'Referenced column "amout" not found' in (told["orders"] or "")
    assert 'syntax error at or near "selct"' in (told["customers"] or "")


def test_json_has_ids_times_and_rows() -> None:
    results = of_case("dbt112-new-build-json")
    seed = next(node for node in results.results if node.name == "raw_orders")
    test = next(node for node in results.results if node.name == "assert_fail")

    assert seed.unique_id == "seed.shop.raw_orders"
    assert seed.rows == 3
    assert seed.started_at
    assert seed.started_at.tzinfo is UTC
    assert test.resource_type == "test"
    assert (test.status, test.rows) == ("failed", 3)
    assert (test.message or "").startswith("Got 3 results")


def test_a_warning_says_why() -> None:
    for case in ("dbt112-new-build-text", "dbt18-new-build-text", "dbt112-new-build-json"):
        node = next(node for node in of_case(case).results if node.name == "assert_warn")

        assert (node.status, node.message) == ("warn", "Got 3 results, configured to warn if != 0"), case


def test_counts_are_those_of_all_nodes() -> None:
    counts = of_case("dbt112-new-build-text").counts

    # dbt's own counts: PASS=13 WARN=1 ERROR=4 SKIP=14 NO-OP=1; one of the errors is a node that could not be built.
    assert counts.model_dump() == {"success": 13, "warn": 1, "failed": 3, "error": 1, "skipped": 15}


TEXT = """\
23:59:58  Running with dbt=1.9.1
23:59:58  1 of 2 START sql table model main.a .................................... [RUN]
00:00:04  1 of 2 OK created sql table model main.a ............................... [SELECT 12 in 6.02s]
00:00:04  2 of 2 START sql view model main.b ..................................... [RUN]
00:00:05  2 of 2 OK created sql view model main.b ................................ [CREATE VIEW in 0.31s]
00:00:05  Finished running 1 table model, 1 view model in 0 hours 0 minutes and 6.40 seconds (6.40s).
00:00:05  Done. PASS=2 WARN=0 ERROR=0 SKIP=0 TOTAL=2
"""


def test_the_text_format_has_the_day_of_the_run() -> None:
    results = read(TEXT, datetime(2026, 4, 28, 23, 59, 50, tzinfo=UTC))

    assert results
    assert results.complete
    assert [node.started_at for node in results.results] == [
        datetime(2026, 4, 28, 23, 59, 58, tzinfo=UTC),
        datetime(2026, 4, 29, 0, 0, 4, tzinfo=UTC),
    ]
    assert [(node.seconds, node.rows) for node in results.results] == [(6.02, 12), (0.31, None)]


def test_without_the_time_of_the_run_no_day_is_guessed() -> None:
    results = read(TEXT)

    assert results
    assert {node.started_at for node in results.results} == {None}


@pytest.mark.parametrize(
    ("message", "rows"),
    [
        ("SELECT 99", 99),
        ("INSERT 0 3", 3),
        ("MERGE 5", 5),
        ("CREATE TABLE (3.0 rows, 1.2 KiB processed)", 3),
        # The number is rounded, or it counts the one row with which a statement reports its success.
        ("CREATE TABLE (1.2k rows, 1.2 KiB processed)", None),
        ("SUCCESS 1", None),
        ("OK", None),
    ],
)
def test_rows_are_those_that_the_warehouse_surely_wrote(message: str, rows: int | None) -> None:
    results = read(TEXT.replace("SELECT 12", message))

    assert results
    assert results.results[0].rows == rows


def test_a_run_that_was_killed_gives_what_had_ended() -> None:
    results = read(TEXT.rpartition("00:00:05  2 of 2")[0] + "Killed\n")

    assert results
    assert not results.complete
    assert statuses(results) == {"a": "success"}


def test_a_log_that_lost_a_part_gives_the_rest() -> None:
    results = read("".join(line for line in TEXT.splitlines(keepends=True) if "OK created sql table" not in line))

    assert results
    assert not results.complete
    assert statuses(results) == {"b": "success"}


@pytest.mark.parametrize(
    "own",
    [
        "00:00:05  1 of 2 ERROR creating sql table model main.a ................. [ERROR in 6.02s]\n",
        "00:00:05  7 of 2 OK created sql table model main.x ..................... [OK in 6.02s]\n",
        "00:00:05  3 of 3 OK created sql table model main.x ..................... [OK in 6.02s]\n",
        "00:00:05  2 of 2 EXPLODED sql table model main.x ....................... [BANG in 6.02s]\n",
    ],
)
def test_a_log_that_contradicts_what_dbt_counted_gives_nothing(own: str) -> None:
    assert read(TEXT.replace("00:00:05  Finished", f"{own}00:00:05  Finished")) is None


HOOKED = """
00:00:01  Running with dbt=1.12.6
00:00:02  1 of 1 OK hook: shop.on-run-start.0 .............................. [OK in 0.04s]
00:00:03  1 of 2 OK created sql table model main.a ......................... [OK in 0.50s]
00:00:03  2 of 2 OK created sql table model main.b ......................... [OK in 0.51s]
00:00:04  Finished running 1 project hook, 2 table models in 0 hours 0 minutes and 1.10 seconds (1.10s).
00:00:04  Done. PASS=3 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=3
"""


@pytest.mark.parametrize(
    "own",
    [
        "12:00:00  2 of 3 OK created sql table model main.other ........... [OK in 0.10s]\n",
        "12:00:00  2 of 2 OK created sql table model main.other ........... [OK in 0.10s]\n",
    ],
)
@pytest.mark.parametrize("before", ["00:00:03  1 of 2 OK", "00:00:04  Finished"])
def test_a_printed_line_of_progress_is_no_result_where_dbt_counts_hooks(own: str, before: str) -> None:
    assert read(HOOKED)
    assert read(HOOKED.replace(before, own + before)) is None


def test_a_json_log_has_no_more_nodes_than_dbt_numbered() -> None:
    def of(name: str, line: str, node: str = "") -> str:
        info = {"node_info": {"unique_id": f"model.shop.{node}", "resource_type": "model", "node_name": node}}
        event = {"name": name, "level": "info", "msg": line}
        return json.dumps({"info": event, "data": info if node else {}}) + "\n"

    lines = [
        of("LogHookEndLine", "1 of 1 OK hook: shop.on-run-start.0 ........ [OK in 0.04s]"),
        of("LogModelResult", "1 of 1 OK created sql table model main.a ... [OK in 0.50s]", "a"),
        of("EndOfRunSummary", "Done. PASS=2 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=2"),
    ]
    printed = of("LogModelResult", "1 of 1 OK created sql table model main.x ... [OK in 0.50s]", "x")

    assert statuses(read("".join(lines))) == {"shop.on-run-start.0": "success", "a": "success"}
    assert read("".join([*lines[:2], printed, *lines[2:]])) is None


def test_a_clock_that_dbt_prints_in_a_message_moves_no_day() -> None:
    printed = "00:00:05  Done at\n12:00:00  in another time zone\n"
    again = TEXT.replace("main.", "other.").replace("23:59:58", "00:00:08").replace("00:00:04", "00:00:14")
    results = read(
        TEXT.replace("00:00:05  Done.", f"{printed}00:00:05  Done.") + again,
        datetime(2026, 4, 28, 23, 59, 50, tzinfo=UTC),
    )

    assert results
    assert [node.started_at.day for node in results.results if node.started_at] == [28, 29, 29, 29]


def test_output_of_a_project_in_a_json_log_is_not_a_result() -> None:
    line = "1 of 1 OK created sql table model main.x ............ [OK in 1.00s]"
    event = {"info": {"name": "JinjaLogInfo", "level": "info", "msg": line, "ts": ""}, "data": {"msg": line}}

    assert read(json.dumps(event) + "\n") is None


def test_invocations_one_after_the_other_add_up() -> None:
    results = read(TEXT + TEXT.replace("main.", "other."))

    assert results
    assert results.complete
    assert results.counts.success == 4


def test_an_invocation_in_doubt_takes_none_of_the_others_with_it() -> None:
    results = read(TEXT + TEXT.replace("PASS=2", "PASS=0").replace("main.", "other."))

    assert results
    assert not results.complete
    assert statuses(results) == {"a": "success", "b": "success"}


@pytest.mark.parametrize("case", ["core2-new-run-text", "core2-new-run-json"])
def test_an_alert_of_a_run_of_the_engine_names_what_failed_and_why(case: str) -> None:
    told = excerpt(log_of(case).decode())
    causes = {failure.node: failure.cause for failure in told.failures}

    assert set(causes) == {f"model main.{name}" for name in ("broken", "raises", "prices_v2", "py_ok")}
    assert 'Referenced column "nocol" not found' in causes["model main.broken"]
    assert "Run finance first" in causes["model main.raises"]


@pytest.mark.parametrize("case", ["dbt112-own-usage-text", "dbt112-own-yaml-text", "sqlmesh-new-bad-config"])
def test_a_log_without_results_gives_none(case: str) -> None:
    assert read_in_pieces(log_of(case)) is None


def test_sqlmesh_has_its_batches_and_what_failed() -> None:
    for case, skipped in (("sqlmesh-new-fail-skip", "skipped"), ("sqlmesh-old-fail-skip", "skipped")):
        results = of_case(case)

        assert statuses(results) == {
            "shop.daily": "success",
            "shop.items": "success",
            "shop.orders": "error",
            "shop.revenue": skipped,
        }
        told = next(node for node in results.results if node.name == "shop.orders")
        assert "Could not convert string 'a' to INT32" in (told.message or "")


MODELS = {f"{kind}_model": "success" for kind in ("seed", "incremental", "full")}
OF_SQLMESH: dict[str, dict[str, str]] = {
    "run": {f"sqlmesh_example__dev.{name}": status for name, status in MODELS.items()},
    "plan": {f"sqlmesh_example.{name}": status for name, status in MODELS.items()},
    "audit": {"assert_positive_order_ids on model sqlmesh_example.full_model": "failed"},
    "test": {"test_example_full_model": "failed"},
}


@pytest.mark.parametrize("version", ["0.170", "0.200", "0.236"])
@pytest.mark.parametrize("command", OF_SQLMESH)
def test_each_command_of_sqlmesh_has_results_in_three_versions(version: str, command: str) -> None:
    """The logs are of the project that `sqlmesh init duckdb` makes; its audit and its test were made to fail."""
    log = (DATA / "logs" / "sqlmesh_versions" / f"{version}_{command}.log").read_text()

    assert statuses(read(log)) == OF_SQLMESH[command]


def test_sqlmesh_has_audits_that_passed_too() -> None:
    results = of_case("sqlmesh-new-audit-cmd")

    assert results.complete
    assert statuses(results) == {
        "bad_total on model shop.revenue": "failed",
        "not_null on model shop.revenue": "success",
    }


def test_an_audit_that_does_not_stop_sqlmesh_is_a_warning() -> None:
    results = read(
        "[WARNING] shop.revenue: 'bad_total' audit error: 1 row failed. Learn more in \nlogs: /app/x.log\n\n"
        "[1/1] shop.revenue   [full refresh (12 rows), audits failed 1]                            \n0.10s   \n"
        "Executing model batches ━━━ 100.0% • 1/1 • 0:00:00\n"
    )

    assert results
    assert results.complete
    node = results.results[0]
    assert (node.name, node.status, node.seconds, node.rows) == ("shop.revenue", "warn", 0.1, 12)
    assert (node.message or "").startswith("shop.revenue: 'bad_total' audit error")


def test_batches_of_one_model_are_one_result() -> None:
    lines = [f"[{at}/3] shop.daily   [insert 2026-11-0{at} - 2026-11-0{at}]   0.50s\n" for at in (1, 2, 3)]

    whole, half = read("".join(lines)), read("".join(lines[:2]))

    assert whole
    assert whole.results[0].seconds == 1.5
    assert half is None


def test_a_name_that_the_console_cut_at_80_columns_is_whole() -> None:
    name = "a_rather_long_schema_of_the_finance_department.the_revenue_per_customer_and_month_of_all_shops"
    results = read(f"[1/1] \n{name[:80]}\n{name[80:]}   [full refresh]                                   \n0.16s   \n")

    assert statuses(results) == {name: "success"}


FAILED = """\
00:00:05  2 of 2 ERROR creating sql view model main.b ............................ [ERROR in 0.31s]
00:00:05  Finished running 1 table model, 1 view model in 0 hours 0 minutes and 6.40 seconds (6.40s).
00:00:05  Completed with 1 error:
00:00:05    Database Error in model b (models/b.sql)
  {long}
00:00:05  Done. PASS=1 WARN=0 ERROR=1 SKIP=0 TOTAL=2
"""


def test_messages_and_lines_are_bounded() -> None:
    long = "x" * 3_000_000

    results = read(f"{long}\n" + TEXT.partition("00:00:05  2 of 2 OK")[0] + FAILED.format(long=long))

    assert results
    assert results.complete
    assert results.results[1].status == "error"
    assert len(results.model_dump_json()) < 5000


@pytest.mark.slow
def test_with_very_many_nodes_the_first_are_listed_and_all_are_counted() -> None:
    many = MOST_RESULTS + 5
    lines = [f"12:00:00  {n} of {many} PASS test_{n} ........ [PASS in 0.01s]\n" for n in range(1, many + 1)]

    results = read("".join(lines) + f"12:00:00  Done. PASS={many} WARN=0 ERROR=0 SKIP=0 TOTAL={many}\n")

    assert results
    assert not results.complete
    assert (len(results.results), results.counts.success) == (MOST_RESULTS, many)
