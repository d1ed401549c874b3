"""Ends of logs in the form of warehouses, drivers and other engines, none of which ran here."""

import pytest

from jobs_api.logs.excerpt import excerpt

TRACEBACK = 'Traceback (most recent call last):\n  File "/v/engine.py", line 10, in execute\n    cursor.execute(sql)\n'
NODE = 'Execution failed for node SnapshotId<"db"."shop"."orders": 123>'
LEVEL = f"2026-11-28 02:00:01,123 - MainThread - sqlmesh.core.scheduler - ERROR - {NODE} (concurrency.py:69)\n"


def of_model(*message: str) -> str:
    return "02:00:05    Database Error in model x (models/x.sql)\n" + "".join(f"  {line}\n" for line in message)


def stopped(*message: str) -> str:
    return "02:00:05  Encountered an error" + "".join(f"{line}\n" for line in message)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        # Postgres
        (
            of_model('column "amout" does not exist', "LINE 3: select amout from t", "               ^"),
            'model x: column "amout" does not exist',
        ),
        (
            of_model(
                'insert or update on table "a" violates foreign key constraint "b"',
                'DETAIL:  Key (id)=(3) is not present in table "c".',
                'CONTEXT:  SQL statement "insert into a"',
                "PL/pgSQL function f() line 3 at SQL statement",
            ),
            'model x: insert or update on table "a" violates foreign key constraint "b"',
        ),
        (
            stopped(
                " while running operation: Database Error",
                '  schema "nowhere" does not exist',
                "  LINE 1: drop table nowhere.x",
                "          ^",
            ),
            'Database Error: schema "nowhere" does not exist',
        ),
        (
            stopped(
                " while running operation: Compilation Error in macro m (macros/m.sql)",
                "  No partitions to drop",
                "  ",
                "  > in macro m (macros/m.sql)",
                "  > called by <Unknown>",
            ),
            "Compilation Error in macro m (macros/m.sql): No partitions to drop",
        ),
        (
            TRACEBACK + 'psycopg2.errors.UndefinedTable: relation "raw.orders" does not exist\n'
            "LINE 1: ... raw.orders\n            ^\n\n",
            'psycopg2.errors.UndefinedTable: relation "raw.orders" does not exist',
        ),
        (
            TRACEBACK + 'psycopg2.errors.ForeignKeyViolation: insert on table "a" violates foreign key constraint "b"\n'
            'DETAIL:  Key (id)=(3) is not present in table "c".\nCONTEXT:  SQL statement "insert into a"\n',
            'psycopg2.errors.ForeignKeyViolation: insert on table "a" violates foreign key constraint "b"',
        ),
        ('ERROR:  relation "orders" does not exist\nLINE 1: select 1\n        ^\n', 'relation "orders" does not exist'),
        (
            (
                'ERROR:  relation "orders" does not exist\n'
                "ERROR:  current transaction is aborted, commands ignored until end of transaction block\n"
            ),
            'relation "orders" does not exist',
        ),
        (
            'psql: error: connection to server at "db" failed: FATAL:  password authentication failed for user "etl"\n',
            'password authentication failed for user "etl"',
        ),
        # BigQuery
        (
            TRACEBACK + "google.api_core.exceptions.NotFound: 404 Not found: Table p:d.orders was not found\n\n"
            "Location: EU\nJob ID: 6d1f7c30-aaaa-bbbb-cccc-123456789abc\n\n",
            "google.api_core.exceptions.NotFound: 404 Not found: Table p:d.orders was not found",
        ),
        (
            TRACEBACK + "google.api_core.exceptions.NotFound: 404\nNot found: Table p:d.orders was not found\n\n"
            "Location: EU\nJob ID: 6d1f7c30\n",
            "google.api_core.exceptions.NotFound: 404: Not found: Table p:d.orders was not found",
        ),
        (
            of_model("Unrecognized name: amout at [4:12]", "compiled code at x"),
            "model x: Unrecognized name: amout at [4:12]",
        ),
        # Snowflake
        (
            of_model(
                "002003 (42S02): SQL compilation error:", "Object 'DB.S.ORDERS' does not exist or not authorized."
            ),
            "model x: 002003 (42S02): SQL compilation error: Object 'DB.S.ORDERS' does not exist or not authorized.",
        ),
        (
            of_model("000904 (42000): SQL compilation error: error line 3 at position 7", "invalid identifier 'AMOUT'"),
            "model x: 000904 (42000): SQL compilation error: error line 3 at position 7: invalid identifier 'AMOUT'",
        ),
        (
            stopped(
                ":",
                "Runtime Error",
                '  Database error while listing schemas in database "analytics"',
                "  Database Error",
                "    250001 (08001): Failed to connect: Incorrect username or password was specified.",
            ),
            (
                'Runtime Error: Database error while listing schemas in database "analytics": 250001 (08001): Failed '
                "to connect: Incorrect username or password was specified."
            ),
        ),
        # Databricks, Redshift, Oracle
        (
            of_model("[TABLE_OR_VIEW_NOT_FOUND] The table or view `raw`.`orders` cannot be found.", "SQLSTATE: 42P01"),
            "model x: [TABLE_OR_VIEW_NOT_FOUND] The table or view `raw`.`orders` cannot be found.",
        ),
        (
            of_model("{'S': 'ERROR', 'C': '42703', 'M': 'column \"amout\" does not exist', 'F': '/x.c', 'L': '3'}"),
            'model x: column "amout" does not exist',
        ),
        (of_model("ORA-00942: table or view does not exist"), "model x: ORA-00942: table or view does not exist"),
        # dbt's Rust engine
        (
            (
                "dbt-fusion 2.0.0-preview.164\n   Loading profiles.yml\n"
                "error: dbt1308: Failed to resolve function TO_EUR\n  --> models/orders.sql:3:10 (target/x:3:10)\n\n"
                "==================== Execution Summary =====================\n"
                "Finished 'build' with 1 error for target 'dev' [1.3s]\nSummary: 3 total | 1 success | 1 error\n"
            ),
            "dbt1308: Failed to resolve function TO_EUR (models/orders.sql:3:10)",
        ),
        (
            (
                "dbt-fusion 2.0.0-preview.3\n Succeeded [  0.01s] model main.base (table)\n"
                "    Failed [  1.00s] model main.orders (table)\n"
                'error: dbt1501: Error executing view of model.shop.orders: relation "raw.x" does not exist\n'
                "(in target/compiled/models/orders.sql:5:24)\n1 error\n"
            ),
            (
                "model main.orders: dbt1501: Error executing view of model.shop.orders: relation "
                '"raw.x" does not exist (target/compiled/models/orders.sql:5:24)'
            ),
        ),
        # Log levels within the line; exceptions that were raised from other exceptions
        (f"{LEVEL}one\ntwo\nthree\nfour\nfive\nsix\n", f"{NODE} (concurrency.py:69)"),
        (
            (
                f"{LEVEL}{TRACEBACK}KeyError: 'USD'\n\n"
                "The above exception was the direct cause of the following exception:\n\n"
                f"{TRACEBACK}sqlmesh.utils.concurrency.NodeExecutionFailedError: {NODE}\n"
                "2026-11-28 02:00:02,123 - MainThread - sqlmesh - INFO - bye\n"
            ),
            f"sqlmesh.utils.concurrency.NodeExecutionFailedError: {NODE}: KeyError: 'USD'",
        ),
        (
            "2026-11-28 02:00:01 - root - ERROR - loading rates\n" + TRACEBACK + "KeyError: 'USD'\n",
            "loading rates: KeyError: 'USD'",
        ),
        (
            "Error: Failed to parse '/app/models/orders.sql':\n\n  Expecting ). Line 3, Col: 12.\n  select (a\n",
            "Error: Failed to parse '/app/models/orders.sql': Expecting ). Line 3, Col: 12.",
        ),
        ("\x1b]8;;https://x.test/z\aError: full\x1b]8;;\a disk\a no\bot\x1b(B space\n", "Error: full disk not space"),
        (stopped(":", "RUNTIME ERROR", "  Could not connect"), "RUNTIME ERROR: Could not connect"),
        (
            stopped(":", "RUNTIME ERROR", "  Could not connect").upper(),
            "RUNTIME ERROR: COULD NOT CONNECT",
        ),
    ],
)
def test_the_message_says_what_was_wrong(log: str, message: str) -> None:
    assert excerpt(log).said == message


def test_the_rust_engine_s_failing_nodes_are_all_counted() -> None:
    log = "dbt-fusion 2.0.0\n" + "".join(f"    Failed [  1.00s] model main.m{n} (table)\n" for n in range(45))

    told = excerpt(log)

    assert (told.count, len(told.failures)) == (45, 20)


def test_a_question_that_nobody_can_answer_says_how_not_to_be_asked() -> None:
    told = excerpt(
        "**Models needing backfill:**\n* `shop.orders`: [full refresh]\nApply - Backfill Tables [y/n]: \nAborted!\n"
    )

    assert "`--auto-apply --no-prompts`" in told.said
    assert told.lines.splitlines()[1:] == ["Apply - Backfill Tables [y/n]:", "Aborted!"]


@pytest.mark.parametrize(
    ("log", "message"),
    [
        # ClickHouse
        (
            of_model(
                "HTTPDriver for http://db:8123 returned response code 404",
                " Code: 60. DB::Exception: No table raw.orders.",
            ),
            (
                "model x: HTTPDriver for http://db:8123 returned response code 404: "
                "Code: 60. DB::Exception: No table raw.orders."
            ),
        ),
        (
            of_model(
                "Code: 47.", "DB::Exception: Missing columns: 'amout'. Stack trace:", "", "0. DB::Exception() @ 0x1"
            ),
            "model x: Code: 47. DB::Exception: Missing columns: 'amout'.",
        ),
        (
            TRACEBACK + "clickhouse_driver.errors.ServerException: Code: 47.\n"
            "DB::Exception: Missing columns: 'amout'. Stack trace:\n\n0. DB::Exception() @ 0x1\n1. ? @ 0x2\n",
            "clickhouse_driver.errors.ServerException: Code: 47. DB::Exception: Missing columns: 'amout'.",
        ),
        # Spark
        (
            TRACEBACK + "py4j.protocol.Py4JJavaError: An error occurred while calling o57.sql.\n"
            ": org.apache.hadoop.hive.ql.metadata.HiveException: Unable to alter table. Access denied\n"
            "\tat org.apache.spark.X.y(X.scala:1)\nCaused by: MetaException(message:Access denied)\n\t... 1 more\n",
            "org.apache.hadoop.hive.ql.metadata.HiveException: Unable to alter table. Access denied",
        ),
        # pydantic
        (
            TRACEBACK + "pydantic_core._pydantic_core.ValidationError: 1 validation error for Config\n"
            "gateways.prod.port\n  Input should be a valid integer [type=int_parsing, input_value='x']\n"
            "    For further information visit https://errors.pydantic.dev/2.9/v/int_parsing\n",
            (
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for Config: gateways.prod.port: "
                "Input should be a valid integer [type=int_parsing, input_value='x']"
            ),
        ),
        # Rust
        (
            (
                "thread 'main' panicked at src/main.rs:3:5:\nindex out of bounds: the len is 3\n"
                "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
            ),
            "thread 'main' panicked at src/main.rs:3:5: index out of bounds: the len is 3",
        ),
        # Redshift
        (
            of_model(
                "Spectrum Scan Error",
                "DETAIL:  ",
                "  -----------------------------------------------",
                "  error:  Spectrum Scan Error",
                "  code:      15007",
                "  context:   File 's3://a/b.parquet' has an incompatible Parquet schema.",
                "  query:     123456",
            ),
            "model x: Spectrum Scan Error: File 's3://a/b.parquet' has an incompatible Parquet schema.",
        ),
    ],
)
def test_the_cause_is_found_below_other_lines(log: str, message: str) -> None:
    assert excerpt(log).said == message


def test_names_may_have_blanks() -> None:
    dbt = (
        "02:00:01  1 of 2 START sql table model main.my orders ........ [RUN]\n"
        "02:00:01  2 of 2 START sql table model main.your orders ...... [RUN]\n"
        "02:00:02  1 of 2 ERROR creating sql table model main.my orders [ERROR in 1s]\n"
        "02:00:03  Failure in model my orders (models/a (copy)/my orders.sql)\n"
        "02:00:03    Database Error in model my orders (models/a (copy)/my orders.sql)\n  no table\n"
    )
    sqlmesh = 'Failed models\n\n  "db"."shop"."my orders"\n\n    Catalog Error: nowhere\n\n'

    assert excerpt(dbt).said == "model my orders: no table"
    assert excerpt(dbt).running == ["model your orders"]
    assert excerpt(sqlmesh).said == "model shop.my orders: Catalog Error: nowhere"


def test_with_several_dbt_runs_in_one_log_the_last_failed_one_is_reported() -> None:
    def run(*message: str) -> str:
        return "02:00:00  Running with dbt=1.10.1\n" + (of_model(*message) if message else "") + "02:00:09  \n"

    assert excerpt(run("no table") + run("no rights")).said == "model x: no rights"
    assert excerpt(run("no table") + run()).said == "model x: no table"
    assert excerpt(run() + "02:00:00  Running with dbt=1.10.1\n" + stopped(": no profile")).said == "no profile"


def test_a_log_that_breaks_off_names_nothing_that_it_names_by_half() -> None:
    log = (
        "02:00:01  1 of 2 START sql table model main.orders ........ [RUN]\n"
        "02:00:02  1 of 2 ERROR creating sql table model main.orders_of_today ...... [ERROR in 1s]\n"
    )

    for end in range(len(log)):
        assert {failure.node for failure in excerpt(log[:end]).failures} <= {"model orders_of_today"}


def test_how_many_failed_is_said_where_the_log_names_only_one() -> None:
    log = of_model("no table") + "02:00:09  \n02:00:09  Done. PASS=0 WARN=0 ERROR=3 SKIP=0 TOTAL=3\n"

    assert excerpt(log).said == "model x: no table (failed too: 2 more)"


def test_an_error_in_a_json_log_is_the_excerpt_and_not_the_last_line() -> None:
    events = ('{"level": "error", "message": "no route to the database"}', '{"level": "info", "message": "bye"}')

    assert excerpt("\n".join(events)).said == "no route to the database"


def test_a_question_is_known_where_the_end_stands_on_its_line() -> None:
    log = "Apply - Backfill Tables [y/n]: Aborted!\n"

    assert excerpt(log).said == (
        "It asked a question that nobody could answer: run it with `--auto-apply --no-prompts`"
    )
    assert "Apply - Backfill Tables [y/n]:" in excerpt(log).lines
    assert excerpt("Error: Aborted!\n").said == "Error: Aborted!"


def test_python_models_of_sqlmesh_are_named_and_not_the_lines_of_their_code() -> None:
    log = (
        '**Failed models**\n* `"db"."shop"."scores"`\n\n  ```\n'
        "    File 'models/scores.py' (or imported file), line 4, in execute\n"
        "        def execute(context: ExecutionContext, start: datetime, execution_time: datetime,\n"
        "**kwargs: t.Any):\n            rates = {}\n* not a model\n          KeyError: 'USD'\n    \n  ```\n\n"
        "Error: Plan application failed.\n"
    )

    told = excerpt(log)

    assert [failure.node for failure in told.failures] == ["model shop.scores"]
    assert told.said == "model shop.scores: KeyError: 'USD'"


def test_sqlmesh_for_a_terminal_is_read_like_its_markdown() -> None:
    log = (
        'Failed models\n\n  "db"."shop"."raw"\n\n    InvalidInputException:\n      Invalid Input Error: no\n'
        "      Possible fixes:\n      * Set quote\n* Set escape\n\n"
        '  "db"."shop"."other"\n\n    CatalogException:\n      Catalog Error: nowhere\n\nError: It failed.\n'
    )

    told = excerpt(log)

    assert [(failure.node, failure.cause) for failure in told.failures] == [
        ("model shop.raw", "Invalid Input Error: no"),
        ("model shop.other", "Catalog Error: nowhere"),
    ]
