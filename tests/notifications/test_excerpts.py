"""What went wrong, read out of real logs of dbt and SQLMesh and of others by their form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.notifications.excerpts import MOST_FAILURES, MOST_LINES, Failure, excerpt, telling_line
from tests.notifications.conftest import LOGS

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
    assert [(told.what, told.message) for told in excerpt(read(name)).failures] == [
        (failure.what, failure.message) for failure in failures
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
def test_what_could_not_begin_is_told_in_its_own_words(name: str, lines: str) -> None:
    told = excerpt(read(name))

    assert told.failures == []
    assert told.lines == lines.rstrip()


def test_sqlmesh_names_the_model_and_its_error() -> None:
    [failure] = excerpt(read("sqlmesh_plan_broken")).failures

    assert failure.what == "model marts.broken"
    assert failure.message == (
        "CatalogException:\n"
        "  Catalog Error: Scalar Function with name no_such_function does not exist!\n"
        '  Did you mean "json_contains"?\n'
        '  LINE 1: ..."."sqlmesh__marts"."marts__broken__450858726" AS SELECT NO_SUCH_FUNCTION('
        '"popular_pages"."page") AS "page" FROM...'
    )


def test_sqlmesh_names_the_model_whose_audit_failed() -> None:
    [failure] = excerpt(read("sqlmesh_audit_failure")).failures

    assert failure.what == "model raw.visits"
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

    assert failure.what == "model orders"
    assert 'relation "raw.orders" does not exist' in failure.message


def test_of_a_traceback_the_last_frame_and_the_exception_are_told() -> None:
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
def test_where_nothing_names_an_error_the_end_is_told(name: str) -> None:
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
def test_the_line_that_tells_what_went_wrong(log: str, line: str | None) -> None:
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
def test_the_line_that_tells_most_is_that_of_what_failed(name: str, line: str) -> None:
    assert telling_line(read(name)) == line
