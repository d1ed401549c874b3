"""Which failed runs have one cause, so that they share a message, and which do not."""

import pytest

from jobs_api.ingest.run_log import with_log
from jobs_api.model.run import StoredLog
from jobs_api.notifications.slack.alert_facts import failure_group
from tests.unit.notifications.slack.test_messages import a_run

LOG = StoredLog(key="k", size_bytes=1)


def cause(log: str, n: int = 1, **values: object) -> str:
    run = a_run(id=f"run_{n}", job_name=f"jaffle-load-{n}", pod_name=f"jaffle-load-{n}-x7k2p", **values)
    return failure_group(with_log(run, LOG, log))


def model(name: str, *message: str, kind: str = "Database Error") -> str:
    said = "".join(f"  {line}\n" for line in message)
    return f"02:00:05    {kind} in model {name} (models/{name}.sql)\n{said}"


TRACEBACK = 'Traceback (most recent call last):\n  File "/v/x.py", line 10, in execute\n    cursor.execute(sql)\n'


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Different models and lines, but the same cause.
        (
            model("a", 'relation "raw.orders" does not exist', "LINE 3: from raw.orders", "             ^"),
            model("b", 'relation "raw.orders" does not exist', "LINE 90: join raw.orders", "             ^"),
        ),
        (
            model("a", "could not connect to 10.0.0.1 after 3 tries"),
            model("a", "could not connect to 10.0.0.2 after 5 tries"),
        ),
        (
            TRACEBACK
            + "google.api_core.exceptions.Forbidden: 403 Quota exceeded; job 6d1f7c30-aaaa-bbbb-cccc-123456789abc",
            TRACEBACK
            + "google.api_core.exceptions.Forbidden: 403 Quota exceeded; job 99999999-aaaa-bbbb-cccc-123456789abc",
        ),
        (
            "Error: Query bquxjob_4f2a9c1_18f3b2d1 failed at 2026-11-28 02:00:01.123 UTC\n",
            "Error: Query bquxjob_5e2b9d2_19a3c2e2 failed at 2026-11-29 14:07:59 UTC\n",
        ),
        (
            "Error: pod jaffle-load-1-x7k2p cannot reach the database\n",
            "Error: pod jaffle-load-2-x7k2p cannot reach the database\n",
        ),
        ("Error: out of memory at 0x7f3a2b\n", "Error: out of memory at 0x7f3a99\n"),
        ("Error: run run_7hpfeehru6bgq872 was refused\n", "Error: run run_ji85kt7g4hu0nqa1 was refused\n"),
    ],
)
def test_failures_that_differ_in_names_numbers_and_times_have_one_cause(first: str, second: str) -> None:
    assert cause(first, 1) == cause(second, 2)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Messages with the same heading, of which the lines below it differ.
        (
            model("a", "002003 (42S02): SQL compilation error:", "Object 'X' does not exist or not authorized."),
            model("a", "002003 (42S02): SQL compilation error:", "Insufficient privileges to operate on schema 'X'."),
        ),
        (model("a", 'relation "orders" does not exist'), model("a", "permission denied for table orders")),
        (model("a", 'relation "orders_2024" does not exist'), model("a", 'relation "orders_2025" does not exist')),
        ("Error: Failed to parse 'a.sql':\n\n  Expecting ).\n", "Error: Failed to parse 'a.sql':\n\n  Expecting (.\n"),
        (model("a", 'relation "raw1orders" does not exist'), model("a", 'relation "raw2orders" does not exist')),
        # The end of the log says nothing about the cause.
        ("cannot reach the warehouse\nexit status 1\n", "no space left on the device\nexit status 1\n"),
        ("cannot reach it\nError: Plan application failed.\n", "no space left\nError: Plan application failed.\n"),
        ("HTTP error 403 from the API\n", "HTTP error 500 from the API\n"),
        # The message is the same for every object, so the object's name makes the difference.
        (
            "02:00:05  Failure in test one (t.sql)\n02:00:05    Got 1 result, configured to fail if != 0\n",
            "02:00:05  Failure in test two (t.sql)\n02:00:05    Got 1 result, configured to fail if != 0\n",
        ),
        # A second failure in the same run.
        (model("a", "no table"), model("a", "no table") + "02:00:05  \n" + model("b", "no rights")),
    ],
)
def test_similar_messages_of_different_causes_are_different(first: str, second: str) -> None:
    assert cause(first, 1) != cause(second, 2)


def test_the_message_names_the_model_and_the_cause_does_not_depend_on_it() -> None:
    runs = [with_log(a_run(error_message="dbt exited with code 1"), LOG, model(name, "no table")) for name in "ab"]

    assert [run.error_message for run in runs] == [f"dbt exited with code 1: model {name}: no table" for name in "ab"]
    assert failure_group(runs[0]) == failure_group(runs[1])


def test_without_a_log_the_error_without_names_and_numbers_is_the_cause() -> None:
    first, second = (
        a_run(id=f"run_{n}", error_message=f"The image {n} of run_{n} could not be pulled") for n in (1, 2)
    )

    assert failure_group(first) == failure_group(second)
    assert failure_group(first) != failure_group(a_run(error_message="The deadline has passed"))
