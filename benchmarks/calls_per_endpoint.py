"""Which calls each endpoint makes to DynamoDB, to other services and to the cluster.

python -m benchmarks.calls_per_endpoint
"""

from benchmarks.measure import Figure, report
from benchmarks.measured_service import measured_service, outside

# Calls to DynamoDB and to the cluster; tests check that the numbers are exact.
BUDGETS = {
    "list_jobs": 1,
    "create_job": 2,
    "update_job": 2,
    "get_run": 1,
    "trigger_job": 4,
    "cancel_run": 5,
    "retry_run": 5,
}
ELSEWHERE = {"SendMessage": "asks for a pass"}


def main() -> None:
    """Make each request once, warm, and list what left the function."""
    figures = []
    names = []
    with outside(), measured_service() as on:
        for function, request in on.requests().items():
            request()
            on.invocations.clear()
            request()
            calls = next(made.calls for made in on.invocations if made.function == function)
            counted = [call.name for call in calls if call.name not in ELSEWHERE]
            figures.append(Figure(function, len(counted), "calls", budget=BUDGETS.get(function)))
            names.append(f"{function}: {', '.join(call.name for call in calls) or 'none'}")
    report("Calls per endpoint, DynamoDB and cluster", figures)
    report("Which they are", [], *names, *(f"{name} {why} and is not counted" for name, why in ELSEWHERE.items()))


if __name__ == "__main__":
    main()
