"""How many Queries a list needs when 10,000 rows exist and none matches.

    python -m benchmarks.long_lists

Each figure is the number of Queries of the first request; beside it are those of the requests for further pages.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Figure, recorded_calls, report
from local.template import read
from tests.fast_moto.aws import LocalAws

FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"status": "failed"},
    {"status": "running"},
    {"status": "failed", "triggered_by": "manual"},
    {"status": "success", "triggered_by": "manual"},
    {"triggered_by": "manual"},
    {"job_type": "test"},
    {"updated_after": "2036-01-01T00:00:00Z"},
    {"job_id": "the job's", "status": "failed"},
    {"job_id": "the job's", "triggered_by": "manual"},
    {"job_id": "another"},
)


def main() -> None:
    """Request each list of runs and of deliveries."""
    with LocalAws(read(Path(ROOT) / "template.yaml", cache=ROOT / ".local" / "cache")):
        from jobs_api.model.run import RunStatus  # noqa: PLC0415
        from jobs_api.store.run_items import new_row as row_of_run  # noqa: PLC0415
        from tests.functions.many_rows import crowded  # noqa: PLC0415 - the tables' names must be in the environment
        from tests.functions.test_long_lists import ROWS, a_crowd, rows_of_deliveries, run_of  # noqa: PLC0415

        crowd = a_crowd()
        figures, notes = [], []
        with crowded(row_of_run(run_of(crowd, number, RunStatus.SUCCESS)) for number in range(ROWS)):
            for filters in FILTERS:
                parameters = filters | ({"job_id": crowd.job_id} if filters.get("job_id") == "the job's" else {})
                asked = _followed(lambda query: crowd.person.call("GET", crowd.runs(), query=query), parameters)
                name = ", ".join(f"{key}={value}" for key, value in filters.items()) or "no filter, limit=1"
                figures.append(Figure(name, max(asked), "calls", budget=5))
                notes.append(f"{name}: {len(asked):,} requests, {sum(asked):,} Queries")
        report(f"Runs of a project: Queries of one request, {ROWS:,} runs that succeeded", figures, *notes)
        with crowded(rows_of_deliveries(crowd)):
            asked = _followed(
                lambda query: crowd.person.call("GET", crowd.deliveries(), query=query), {"status": "failed"}
            )
        report(
            "Deliveries of a job", [Figure("status=failed", max(asked), "calls", budget=5)], f"{len(asked)} requests"
        )


def _followed(ask: Callable[[dict[str, str]], Any], filters: dict[str, str]) -> list[int]:
    """Return the Queries of each request, from the first to the last page; without a filter of the first alone."""
    queries: list[int] = []
    cursor: dict[str, str] = {}
    with recorded_calls() as calls:
        while True:
            calls.clear()
            answer = ask({"limit": "1"} | filters | cursor)
            queries.append(sum(call.name == "Query" for call in calls))
            if "next_cursor" not in answer.json or not filters:
                return queries
            cursor = {"cursor": answer.json["next_cursor"]}


if __name__ == "__main__":
    main()
