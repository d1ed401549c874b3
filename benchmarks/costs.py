"""What the service costs, from how often it asks for what, item sizes and list prices.

python -m benchmarks.costs

docs/scale.md holds what this prints; a test compares the two. Calls are those that tests hold to be exact, by
docs/data-model.md; sizes are of typical items, and what could not be measured here is named so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from jobs_api.metrics import Metric

MILLION: Final = 1_000_000
# A month is 730 hours.
MINUTES: Final = 730 * 60
GB: Final = 1_000_000_000

# List prices of us-east-1 in dollars, as they were known in November 2025. Check them before you rely on a figure.
PRICES: Final = {
    "gateway request": 3.50 / MILLION,
    "Lambda request": 0.20 / MILLION,
    "GB-second": 0.0000133334,  # arm64; 0.0000166667 on x86_64
    "read unit": 0.125 / MILLION,
    "write unit": 0.625 / MILLION,
    "event": 1.00 / MILLION,
    "queue request": 0.40 / MILLION,
    "S3 PUT": 5.00 / MILLION,
    "S3 GET": 0.40 / MILLION,
    "S3 GB-month": 0.023,
    "DynamoDB GB-month": 0.25 + 0.20,  # with point-in-time recovery
    "log byte": 0.50 / GB,
    "trace": 5.00 / MILLION,  # recorded; nobody here reads them by the API, which is 0.50 more
    "metric-month": 0.30,
    "alarm-month": 0.10,
    "dashboard-month": 3.00,
    "key-month": 1.00,
    "KMS request": 0.03 / 10_000,
    "secret-month": 0.40,
    "secret request": 0.05 / 10_000,
    "endpoint-hour": 0.01,  # in one zone
    "endpoint GB": 0.01,
    "NAT-hour": 0.045,
    "NAT GB": 0.045,
    "SnapStart GB-second kept": 0.0000015046,
    "SnapStart GB restored": 0.0001397998,
}

# Bytes: a run with Slack alerts, a job with its sync, a run that waits for its launch with the Job inside.
RUN, JOB, WAITING_RUN, DELIVERY, LOG = 950, 800, 2_900, 700, 20_000
# What a run stands in beside the table: by_project and by_job, and open_runs until it ends.
RUN_INDEXES: Final = 3
# Where an ended run is kept: the table, by_project, by_job and ended_runs.
RUN_COPIES: Final = 4
# Not measured, since only AWS can tell: the time of a warm request, of a pass over 1,000 CronJobs or Jobs, log lines.
REQUEST_SECONDS, PASS_SECONDS, PASS_SECONDS_PER_1000, LINE = 0.05, 0.2, 0.5, 1_000
# Warm environments among which the ticks of an organization take turns; each reads the runs of ended Jobs once an hour.
ENVIRONMENTS: Final = 2
# How many writes of runs and slots a stream hands over at once, where they are spread over the hour; not measured.
RECORDS_PER_BATCH: Final = 3
# The memory of all functions together.
FUNCTIONS_GB: Final = 11.0
# X-Ray's default, which functions cannot change: the first request of a second, and of the others one in twenty.
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
FIRST, BEYOND = 1.0, 0.05
# docs/deploy.md lists those that functions in private subnets need, besides the two that cost nothing.
ENDPOINTS, ZONES = 5, 2
HOURS: Final = 730

type Use = Mapping[str, float]


@dataclass(frozen=True)
class Jobs:
    """A load: so many jobs of one organization that run so often, with so many ended Jobs of each in the cluster."""

    jobs: int = 1000
    runs_per_month: int = 730
    kept: int = 10
    ticks_per_minute: int = 1

    @property
    def runs(self) -> int:
        """Runs in a month."""
        return self.jobs * self.runs_per_month

    @property
    def ticks(self) -> int:
        """Ticks in a month."""
        return MINUTES * self.ticks_per_minute


def dollars(use: Use, traced: float = FIRST) -> float:
    """Return what a use costs; `traced` is the part of its traces that are recorded."""
    return sum(PRICES[name] * count * (traced if name == "trace" else 1) for name, count in use.items())


def reads(size: int, items: int = 1) -> float:
    """Return the units of consistent reads of items one by one."""
    return ceil(size / 4096) * items


def writes(size: int, tables: int = 1) -> float:
    """Return the units of a write to a table and its indexes."""
    return ceil(size / 1024) * tables


def request(**use: float) -> dict[str, float]:
    """Return the use of one request that is traced: what all of them have, and its own."""
    every = {
        "gateway request": 1,
        "Lambda request": 1,
        "GB-second": REQUEST_SECONDS * 0.5,
        "log byte": LINE,
        "trace": 1,
    }
    return every | {name.replace("_", " "): count for name, count in use.items()}


def changed(**use: float) -> dict[str, float]:
    """Return the use of a request that changes a job, with the sync that follows: a look, and a note.

    Each is a trace of its own, though EventBridge may hand on that of the request to the sync.
    """
    own = request(**use)
    follows = {
        "Lambda request": 1,
        "GB-second": PASS_SECONDS * 0.5,
        "read unit": 2,
        "write unit": 3,
        "log byte": LINE,
        "trace": 1,
    }
    return {name: own.get(name, 0) + follows.get(name, 0) for name in {*own, *follows}} | {"event": 1}


REQUESTS: Final[dict[str, Use]] = {
    "read a run": request(read_unit=1),
    "read a run's log": request(read_unit=1, S3_GET=1),
    "read a job": request(read_unit=2),
    "list 50 jobs": request(read_unit=ceil(50 * JOB / 4096)),
    "list 50 runs": request(read_unit=1 + ceil(51 * RUN / 4096) / 2),
    # Five writes in a transaction, at two units each, and the index of slots.
    "create a job": changed(read_unit=1, write_unit=11),
    "change a job": changed(read_unit=2, write_unit=3),
    "trigger": request(read_unit=2, write_unit=2 * writes(WAITING_RUN, 1 + RUN_INDEXES)),
}


def runs(load: Jobs) -> dict[str, Use]:
    """Return the use that grows with runs, a month: three writes of a run, its log, its slot, its lines."""
    return {
        "runs: made, started, ended": {"write unit": load.runs * (3 * writes(RUN, 1 + RUN_INDEXES) + writes(RUN))},
        "runs: their slots settled": {"write unit": load.runs * 3},
        "runs: their logs stored": {"S3 PUT": load.runs, "log byte": load.runs * 300},
        "runs: events for the account": account_events(load),
        "runs: their logs kept, each month": {"S3 GB-month": load.runs * LOG / 5 / GB},
        "runs: their records kept, each month": {"DynamoDB GB-month": load.runs * RUN * RUN_COPIES / GB},
    }


def account_events(load: Jobs) -> Use:
    """Return the use of `publish_events` a month: two events a run, and the batches in which its writes arrive.

    A run is written four times and its job's slot once. The function is not traced, and logs no line for a batch. A
    function that reads a stream pays nothing for that: https://aws.amazon.com/dynamodb/pricing/on-demand/
    """
    batches = load.runs * 5 / RECORDS_PER_BATCH
    return {
        "event": load.runs * 2,
        "Lambda request": batches,
        "GB-second": batches * REQUEST_SECONDS * 0.25,
        "read unit": batches,
    }


def ticks(load: Jobs) -> dict[str, Use]:
    """Return the use that grows with ticks, a month: of jobs their versions are read, of some Jobs their runs.

    Each pass is a trace: of those of many organizations in the same second only some would be.
    """
    jobs, kept = load.jobs / 1000, load.jobs * load.kept / 1000
    read_again = 730 * ENVIRONMENTS * load.jobs * load.kept
    read_first = 2 * ENVIRONMENTS * load.runs
    return {
        "ticks: sync": {
            "Lambda request": load.ticks,
            "GB-second": load.ticks * 0.5 * (PASS_SECONDS + jobs * PASS_SECONDS_PER_1000),
            "read unit": load.ticks * (2 + ceil(load.jobs * JOB / 4096)),
            "trace": load.ticks,
        },
        "ticks: ingest": {
            "Lambda request": load.ticks,
            "GB-second": load.ticks * 1.0 * (PASS_SECONDS + kept * PASS_SECONDS_PER_1000),
            "read unit": load.ticks + reads(RUN, read_again + read_first),
            "trace": load.ticks,
        },
        "ticks: events, lines": {"event": load.ticks, "log byte": load.ticks * 3 * LINE},
    }


# AuthorizerErrors comes from the access log. An alarm costs as many times as it has metrics; a test counts them.
METRICS: Final = len(Metric) + 1
ALARM_METRICS: Final = 48
FIXED: Final[dict[str, Use]] = {
    "metrics, alarms, dashboard": {"metric-month": METRICS, "alarm-month": ALARM_METRICS, "dashboard-month": 1},
    "the key of webhooks' secrets": {"key-month": 1},
    "the tick": {
        "Lambda request": MINUTES,
        "GB-second": MINUTES * 0.25 * 0.1,
        "log byte": MINUTES * LINE,
        "trace": MINUTES,
    },
}
# A Slack token is read every five minutes while there is something to tell, a webhook's secrets once an environment.
ELSE: Final[dict[str, Use]] = {
    "an organization's Slack token, read every five minutes": {
        "secret-month": 1,
        "secret request": ENVIRONMENTS * MINUTES / 5,
    },
    # One message a batch, which stands in the deliveries table and its index, and waits for its receiver for 0.3 s.
    "a million webhooks that are taken": {
        "queue request": 3 * MILLION,
        "Lambda request": MILLION,
        "GB-second": MILLION * 0.3 * 0.5,
        "read unit": MILLION * 5,
        "write unit": MILLION * 2 * writes(DELIVERY, 2),
        "log byte": MILLION * 2 * LINE,
        "trace": MILLION,
    },
    "a million secrets of webhooks that KMS seals or opens": {"KMS request": MILLION},
    "the key of webhooks' secrets, once it was rotated twice": {"key-month": 3},
    "five interface endpoints in two zones": {"endpoint-hour": ENDPOINTS * ZONES * HOURS},
    "100 GB through them": {"endpoint GB": 100},
    "or a NAT gateway in each of two zones": {"NAT-hour": ZONES * HOURS},
    "100 GB through it": {"NAT GB": 100},
}
SNAPSTART: Final[dict[str, Use]] = {
    "each version of all functions that is kept, a month": {
        "SnapStart GB-second kept": FUNCTIONS_GB * MINUTES * 60,
    },
    "a million cold starts": {"SnapStart GB restored": 0.5 * MILLION},
}
LOADS: Final = {
    "hourly, 10 ended Jobs kept": Jobs(),
    "hourly, 1 ended Job kept": Jobs(kept=1),
    "daily, 1 a day kept by the TTL": Jobs(runs_per_month=30, kept=1),
    "hourly, 10 kept, two ticks a minute": Jobs(ticks_per_minute=2),
}


def table(head: str, rows: Iterable[tuple[str, Iterable[float]]]) -> list[str]:
    """Return a table in Markdown."""
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|---|" + "---:|" * (columns - 1)]
    return [*lines, *(f"| {name} | {' | '.join(f'{cost:,.2f}' for cost in costs)} |" for name, costs in rows)]


def tables() -> list[str]:
    """Return every line that docs/scale.md shows."""
    load = Jobs()
    parts = runs(load) | ticks(load)
    total = sum(dollars(use) for use in parts.values())
    per_load = [
        (name, (sum(map(dollars, runs(it).values())), sum(map(dollars, ticks(it).values()))))
        for name, it in LOADS.items()
    ]
    empty = sum(dollars(use) for use in ticks(Jobs(jobs=0)).values())
    return [
        *table(
            "a million times | first of its second, $ | beyond, $",
            ((name, [dollars(use, traced) * MILLION for traced in (FIRST, BEYOND)]) for name, use in REQUESTS.items()),
        ),
        "",
        *table(
            "1,000 hourly jobs, 10 ended Jobs of each kept | $ a month", ((n, [dollars(u)]) for n, u in parts.items())
        ),
        f"| together | {total:,.2f} |",
        "",
        *table("1,000 jobs | runs, $ a month | ticks, $ a month | together", ((n, [*c, sum(c)]) for n, c in per_load)),
        "",
        *table("fixed costs | $ a month", ((name, [dollars(use)]) for name, use in FIXED.items())),
        f"| each organization's ticks, without a job | {empty:,.2f} |",
        "",
        *table("optional | $ a month", ((name, [dollars(use)]) for name, use in ELSE.items())),
        "",
        *table("SnapStart | $", ((name, [dollars(use)]) for name, use in SNAPSTART.items())),
    ]


if __name__ == "__main__":
    print("\n".join(tables()))
