"""Excerpts of errors from real logs of dbt and SQLMesh, and from logs in the form of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.logs.excerpt import MOST_FAILURES, MOST_LINES, Failure, excerpt, remarks, telling_line
from tests.example_logs import LOGS

DBT = """\x1b[0m02:00:01  Running with dbt=1.10.0
02:00:05  Completed with 1 error, 0 partial successes, and 0 warnings:
02:00:05
02:00:05  Failure in model broken (models/broken.sql)
02:00:05    Runtime Error in model broken (models/broken.sql)
  Parser Error: syntax error at or near "selec"

02:00:05    compiled code at target/compiled/jaffle/models/broken.sql
02:00:05
02:00:05  Done. PASS=5 WARN=0 ERROR=1 SKIP=2 NO-OP=0 TOTAL=8
"""


def read(name: str) -> str:
    return (LOGS / f"{name}.log").read_text()


@pytest.mark.parametrize(
    ("name", "failures"),
    [
        (
            "dbt_model_error",
            [
                Failure(
                    "model broken",
                    'Binder Error: Referenced column "no_such_column" not found in FROM clause!\n'
                    'Candidate bindings: "ordered_on"',
                )
            ],
        ),
        ("dbt_test_failure", [Failure("test no_negative", "Got 2 results, configured to fail if != 0")]),
        (
            "dbt_build_two_failures",
            [
                Failure("test no_negative", "Got 2 results, configured to fail if != 0"),
                Failure(
                    "model stg_orders",
                    'Binder Error: Referenced column "no_such_column_here" not found in FROM clause!\n'
                    'Candidate bindings: "customer_id"\n'
                    'LINE 9: from "jaffle"."main_raw"."raw_orders"\n'
                    "                           ^^^^^^^^^^^^^^^^^^",
                ),
            ],
        ),
        (
            "dbt_jinja_error",
            [
                Failure(
                    "model jinja_error",
                    "unexpected '}', expected ')'\n"
                    "  line 1\n"
                    "    select {{ this_is_undefined }} from {{ ref('stg_orders' }}",
                )
            ],
        ),
    ],
)
def test_dbt_names_what_failed(name: str, failures: list[Failure]) -> None:
    assert [(told.node, told.message) for told in excerpt(read(name)).failures] == [
        (failure.node, failure.message) for failure in failures
    ]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "dbt_parse_error",
            """\
Compilation Error
  Model 'model.jaffle.parse_error' (models/parse_error.sql) depends on a source named 'nope.nope' which was not found
""",
        ),
        (
            "dbt_bad_target",
            """\
Runtime Error
  The profile 'jaffle' does not have a target named 'nowhere'. The valid target names for this profile are:
   - local""",
        ),
        ("sqlmesh_run_nowhere", "Error: Environment 'nowhere' was not found."),
    ],
)
def test_a_failed_start_is_quoted(name: str, lines: str) -> None:
    told = excerpt(read(name))

    assert told.failures == []
    assert told.lines == lines.rstrip()


def test_sqlmesh_names_the_model_and_its_error() -> None:
    [failure] = excerpt(read("sqlmesh_plan_broken")).failures

    assert failure.node == "model marts.broken"
    assert failure.message == (
        "CatalogException:\n"
        "  Catalog Error: Scalar Function with name no_such_function does not exist!\n"
        '  Did you mean "json_contains"?\n'
        '  LINE 1: ..."."sqlmesh__marts"."marts__broken__450858726" AS SELECT NO_SUCH_FUNCTION('
        '"popular_pages"."page") AS "page" FROM...'
    )


def test_sqlmesh_names_the_model_whose_audit_failed() -> None:
    [failure] = excerpt(read("sqlmesh_audit_failure")).failures

    assert failure.node == "model raw.visits"
    assert failure.message.startswith("'visits_know_their_page' audit error: 14723 rows failed")


def test_older_dbt_says_it_in_one_line() -> None:
    log = (
        "12:00:01  Completed with 1 error and 0 warnings:\n"
        "12:00:01\n"
        "12:00:01  Database Error in model orders (models/orders.sql)\n"
        '12:00:01    relation "raw.orders" does not exist\n'
        "12:00:01    compiled Code at target/run/jaffle/models/orders.sql\n"
        "12:00:01\n"
        "12:00:01  Done. PASS=1 WARN=0 ERROR=1 SKIP=0 TOTAL=2\n"
    )

    [failure] = excerpt(log).failures

    assert failure.node == "model orders"
    assert 'relation "raw.orders" does not exist' in failure.message


def test_a_traceback_is_excerpted_as_its_last_frame_and_the_exception() -> None:
    log = (
        "loading\n"
        "Traceback (most recent call last):\n"
        '  File "a.py", line 1, in <module>\n'
        "    main()\n"
        '  File "b.py", line 7, in main\n'
        "    connect()\n"
        "psycopg2.OperationalError: connection refused\n"
    )

    assert excerpt(log).lines == (
        '  File "b.py", line 7, in main\n    connect()\npsycopg2.OperationalError: connection refused'
    )


def test_colours_are_left_out() -> None:
    assert excerpt("\x1b[31mError: \x1b[1mno\x1b[0m\n").lines == "Error: no"


@pytest.mark.parametrize("name", ["dbt_build_ok", "sqlmesh_run_ok"])
def test_without_an_error_the_end_of_the_log_is_the_excerpt(name: str) -> None:
    told = excerpt(read(name))

    assert told.failures == []
    assert told.lines.splitlines()[-1] in read(name)


def test_a_log_of_many_failures_is_cut() -> None:
    log = "".join(f"12:00:00  Failure in model m{n} (models/m{n}.sql)\n" + "  line\n" * 50 for n in range(100))

    told = excerpt(log)

    assert len(told.failures) == MOST_FAILURES
    assert all(len(failure.message.splitlines()) == MOST_LINES + 1 for failure in told.failures)


@given(st.text())
def test_any_text_has_an_excerpt(log: str) -> None:
    told = excerpt(log)

    assert not (told.failures and told.lines)
    assert len(told.lines.splitlines()) <= MOST_LINES + 1 or len(told.lines) <= len(log)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (DBT, 'model broken: Parser Error: syntax error at or near "selec"'),
        ("\x1b[31mError: Plan application failed.\x1b[0m\n", "Error: Plan application failed."),
        ("Traceback (most recent call last):\n  File\nKeyError: 'x'\n\n", "KeyError: 'x'"),
        ("one\ntwo\n", "two"),
        ("\n \n", None),
        ("", None),
        ("x" * 1000, "x" * 299 + "…"),
    ],
)
def test_the_line_that_says_what_failed(log: str, line: str | None) -> None:
    assert telling_line(log) == line


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "dbt_bad_target",
            (
                "Runtime Error: The profile 'jaffle' does not have a target named 'nowhere'. "
                "The valid target names for this profile are: - local"
            ),
        ),
        ("dbt_jinja_error", "model jinja_error: unexpected '}', expected ')'"),
        ("dbt_test_failure", "test no_negative: Got 2 results, configured to fail if != 0"),
        (
            "sqlmesh_plan_broken",
            "model marts.broken: Catalog Error: Scalar Function with name no_such_function does not exist!",
        ),
        ("sqlmesh_audit_failure", "model raw.visits: 'visits_know_their_page' audit error: 14723 rows failed"),
        ("sqlmesh_run_nowhere", "Error: Environment 'nowhere' was not found."),
    ],
)
def test_the_most_telling_line_is_the_one_about_the_failure(name: str, line: str) -> None:
    assert telling_line(read(name)) == line


def test_the_nodes_running_at_a_kill_are_known_in_every_format() -> None:
    lines = [
        *(f"{n} of 3 START sql table model main.m{n} ............... [RUN]" for n in (1, 2, 3)),
        "1 of 3 OK created sql table model main.m1 ............ [OK in 0.10s]",
    ]
    text = "".join(f"02:00:0{n}  {line}\n" for n, line in enumerate(lines))
    debug = "".join(f"02:00:0{n}.123456 [info ] [Thread-1 (]: {line}\n" for n, line in enumerate(lines))
    events = "".join(f'{{"info": {{"level": "info", "msg": "{line}"}}}}\n' for line in lines)

    for log in (text, debug, events):
        told = excerpt(f"{log}Killed\n")

        assert told.running == ["model m2", "model m3"]
        assert told.last.splitlines()[-1] == "Killed"
        assert told.said == "Killed (it was running model m2, model m3)"
        assert excerpt(log).said == "It was running model m2, model m3"
        assert told.failures == []


def test_a_run_that_was_interrupted_says_so() -> None:
    log = (
        "02:00:01  1 of 2 START sql table model main.orders ............... [RUN]\n"
        "02:00:09  CANCEL query model.shop.orders .......................... [CANCEL]\n"
        "02:00:09  1 of 2 ERROR creating sql table model main.orders ....... [ERROR in 8.0s]\n"
        "02:00:09  \n02:00:09  Exited because of keyboard interrupt\n"
    )

    assert excerpt(log).said == "model orders: Exited because of keyboard interrupt"


def test_lines_that_others_print_between_dbt_s_events_belong_to_nobody() -> None:
    log = (
        'installing\n{"info": {"level": "error", "msg": "  Database Error in model a (models/a.sql)\\n  no table"}}\n'
        'a print\n{"info": {"level": "info", "msg": "Done. PASS=0 WARN=0 ERROR=1 SKIP=0 TOTAL=1"}}\n'
    )

    [failure] = excerpt(log).failures

    assert (failure.node, failure.message) == ("model a", "no table")


def test_errors_in_capitals_are_errors() -> None:
    assert excerpt("02:00:09    DATABASE ERROR in model a (models/a.sql)\n  NO TABLE\n").said == "model a: NO TABLE"


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("02:00:01  Done. PASS=4 WARN=0 ERROR=0 SKIP=0 TOTAL=4\n", ""),
        (
            (
                "02:00:01  Warning in test not_null_id (models/a.yml)\n02:00:01  Got 1 result, configured to warn\n"
                "02:00:01  Done. PASS=4 WARN=1 ERROR=0 SKIP=2 TOTAL=7\n"
            ),
            "1 warning: test not_null_id; 2 skipped",
        ),
        (
            "02:00:01  [WARNING]: in test one (a.yml)\n02:00:01  Done. PASS=4 WARN=3 ERROR=0 SKIP=0 TOTAL=7\n",
            "3 warnings: test one and 2 more",
        ),
        (
            "02:00:01  1 of 1 WARN freshness of erp.orders ............ [WARN in 0.06s]\n02:00:01  Done.\n",
            "1 warning: source erp.orders",
        ),
        (
            "02:00:01  [WARNING]: Nothing to do. Try checking your model configs and model specification args\n",
            "Nothing to do. Try checking your model configs and model specification args",
        ),
        (
            "No models are ready to run. Please wait until a model `cron` interval has \nelapsed.\n\nNext\n",
            "No models are ready to run. Please wait until a model `cron` interval has elapsed.",
        ),
        (
            "**No changes to plan: project files match the `prod` environment**\n",
            "No changes to plan: project files match the `prod` environment",
        ),
        (
            "\n[WARNING] shop.a: 'x' audit error: 1 row failed.\n\nDone\n",
            "1 warning: shop.a: 'x' audit error: 1 row failed.",
        ),
        ("x on model shop.a FAIL [1].\ny on model shop.a PASS.\n", "1 failed audit: audit x on model shop.a"),
        ("", ""),
    ],
)
def test_remarkable_facts_about_a_success_are_shown(log: str, shown: str) -> None:
    assert remarks(log) == shown


def test_hooks_do_not_hide_the_models_that_were_running() -> None:
    log = (
        "02:00:01  1 of 2 START hook: shop.on-run-start.0 .................... [RUN]\n"
        "02:00:01  1 of 2 OK hook: shop.on-run-start.0 ....................... [OK in 0.1s]\n"
        "02:00:02  1 of 2 START sql table model main.orders ............... [RUN]\n"
        "02:00:02  1 of 2 START hook: shop.on-run-end.0 ...................... [RUN]\n"
    )

    assert excerpt(log).running == ["model orders", "hook shop.on-run-end.0"]
