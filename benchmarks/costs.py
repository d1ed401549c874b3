"""Computes what the service costs, from numbers of calls, sizes of items and list prices.

python -m benchmarks.costs

docs/scale.md has what this prints; a test compares the two. Tests hold the numbers of calls to be exact, by
docs/data-model.md. Sizes are of typical items. Comments name the figures that could not be measured here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from jobs_api.metrics import Metric
from jobs_api.model.carried_text import MOST_CARRIED_BYTES

MILLION: Final = 1_000_000
# A month is 730 hours.
MINUTES: Final = 730 * 60
GB: Final = 1_000_000_000

# List prices of us-east-1 in dollars, of November 2025. Check them before you rely on a figure.
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
    "DynamoDB GB-month": 0.25,
    "backup GB-month": 0.20,  # point-in-time recovery, of tables without their indexes
    "log byte": 0.50 / GB,
    "trace": 5.00 / MILLION,  # recorded traces; reading them by the API would cost 0.50 more, and is not counted
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

# Sizes in bytes: a run with Slack alerts, a job with its sync, and a run that waits for its launch, with its Job.
RUN, JOB, WAITING_RUN, DELIVERY, LOG = 950, 800, 2_900, 700, 20_000
# An entry of the audit log, an entry with a job's version in it, and what the index stores of either.
ENTRY, VERSION, INDEXED_ENTRY = 450, 850, 400
# The largest item of a job's run counts: how many of its runs ended on each day of a month.
COUNTS: Final = 1_000
# The size of the files of a `dbt build` after compression, as the project of `make run` has them: 6 models and 512
# macros; and the item that says which run stored them last.
ARTIFACT_BYTES, LATEST = 101_000, 400
# A run's indexes: by_project and by_job, and open_runs until it ends.
RUN_INDEXES: Final = 3
# How often an ended run is stored: in the table and the indexes by_project, by_job and ended_runs.
RUN_COPIES: Final = 4
# These were not measured, because that needs AWS: the time of a warm request and of a sync that lists 1,000 CronJobs;
# log lines.
REQUEST_SECONDS, SYNC_SECONDS, SYNC_SECONDS_PER_1000, LINE = 0.05, 0.1, 0.5, 1_000
# The time of an ingest was not measured either: eight calls of 7 ms each, and 15 ms of a full processor, of which 512
# MB get 0.29. A pass that announced the next one makes two calls less: it neither writes its end nor looks for the next
# slot.
INGEST_SECONDS, CALLS_LESS_SECONDS = 0.11, 0.014
# The time of a cold start: an estimate, of which `python -m benchmarks.cold_import` measures the imports.
START_SECONDS: Final = 0.7
# The delay of a pulse.
ARRIVES_SECONDS: Final = 0.2
# The parameters' defaults in the template.
PULSE_SECONDS, IDLE_SECONDS, QUEUES = 5, 600, 2
# Lambda polls a queue with five requests at a time, each for 20 seconds. With a maximum concurrency it always does.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS: Final = 5
# Warm environments that send notifications.
ENVIRONMENTS: Final = 2
# How long a shard of the stream of runs collects records before it invokes the function; a new table has four shards.
RUNS_WINDOW_SECONDS, SHARDS = 20, 4
# Bytes of log a minute while runs start and end: three lines about passes that wrote something, and three with metrics,
# each with the 26 bytes that CloudWatch adds. And the line of a run that did not succeed, and the part of such runs.
LINES_A_MINUTE, ENDED_LINE, UNSUCCESSFUL = 3_000, 600, 0.05
# A spare pulse that finds nothing to do; its time was not measured. One is sent with every second pulse while a run is
# open.
SPARE_SECONDS, SPARES = 0.01, 0.5
# The parts of a log that grows all the time: one each half minute after the first minute, up to two KB with its
# position.
PART_SECONDS, FIRST_PART_SECONDS, PART_UNITS = 30, 60, 2
# The part of a running command's log in the message of a pulse: half of a log, compressed, as base64, and its position;
# and how many bytes are billed as one request.
CARRIED, QUEUE_CHUNK = LOG // 5 // 2 * 4 // 3 + 300, 64 * 1024
# The time that reading logs adds to a pass, which reads the logs of young runs; not measured on AWS.
READS_OF_LOGS_SECONDS: Final = 0.05
# One stream begins seven seconds before the other one of 30 seconds ends.
FOLLOWERS: Final = 30 / 23
# The memory of all functions together.
FUNCTIONS_GB: Final = 25.0
# X-Ray's default, which functions cannot change: the first request of each second, and one in twenty of the others.
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
FIRST, BEYOND = 1.0, 0.05
# The endpoints that functions in private subnets need, as docs/deploy.md lists them, without the two that cost nothing.
ENDPOINTS, ZONES = 5, 2
HOURS: Final = 730

type Use = Mapping[str, float]


@dataclass(frozen=True)
class Jobs:
    """A load: how many jobs of one organization run, how often and how long, and how much of the time one runs."""

    jobs: int = 1000
    runs_per_month: int = 730
    seconds: int = 60
    open_part: float = 1.0

    @property
    def runs(self) -> int:
        """Runs in a month."""
        return self.jobs * self.runs_per_month

    @property
    def parts(self) -> float:
        """Parts of the log of a run that prints all the time; one that ends within a minute has none.

        Where more run at once than a message carries text of, the others have parts from the beginning.
        """
        usual = max(0, ceil((self.seconds - FIRST_PART_SECONDS) / PART_SECONDS))
        carried = min(1, MOST_CARRIED_BYTES / max(1, self.open_at_once * CARRIED))
        return carried * usual + (1 - carried) * ceil(self.seconds / PART_SECONDS)

    @property
    def open_at_once(self) -> float:
        """How many runs are open, while any is."""
        return self.runs * self.seconds / (HOURS * 3600 * self.open_part) if self.runs else 0

    @property
    def requests_of_a_pulse(self) -> int:
        """Billed requests to send, receive and delete the message of a pulse, with the texts of logs in it."""
        return 1 + 2 * max(1, ceil(min(MOST_CARRIED_BYTES, self.open_at_once * CARRIED) / QUEUE_CHUNK))

    @property
    def passes(self) -> float:
        """Passes in a month: one after another while a run is open, otherwise those of an idle organization."""
        month = HOURS * 3600
        return self.open_passes + month * (1 - self.open_part) / IDLE_SECONDS

    @property
    def open_passes(self) -> float:
        """Passes in a month that follow each other while a run is open."""
        return HOURS * 3600 * self.open_part / (PULSE_SECONDS + INGEST_SECONDS + ARRIVES_SECONDS)


def dollars(use: Use, traced: float = FIRST) -> float:
    """Return what a use costs; `traced` is the part of its traces that are recorded."""
    return sum(PRICES[name] * count * (traced if name == "trace" else 1) for name, count in use.items())


def reads(size: int, items: int = 1) -> float:
    """Return the units of consistent reads of items one by one."""
    return ceil(size / 4096) * items


def writes(size: int, tables: int = 1) -> float:
    """Return the units of a write to a table and its indexes."""
    return ceil(size / 1024) * tables


def transacted(size: int, indexed: int = 0) -> float:
    """Return the units of a write in a transaction, which are twice those of any other, and of its index."""
    return 2 * ceil(size / 1024) + ceil(indexed / 1024)


def request(**use: float) -> dict[str, float]:
    """Return the use of one traced request: what all requests use, and its own calls."""
    every = {
        "gateway request": 1,
        "Lambda request": 1,
        "GB-second": REQUEST_SECONDS * 0.5,
        "log byte": LINE,
        "trace": 1,
    }
    return every | {name.replace("_", " "): count for name, count in use.items()}


def followed(own: Use, *, synced: bool) -> dict[str, float]:
    """Return the use of a request with what follows: a pass at once and one five seconds later; before it, a sync.

    What follows at once is another trace, which is recorded where the request's is.
    """
    follows = {
        "Lambda request": 2,
        "GB-second": (2 * INGEST_SECONDS + synced * SYNC_SECONDS) * 0.5,
        "read unit": 2 * 2 + synced * 2,
        "write unit": 2 * 2 + synced * 3,
        "queue request": 2 * 3,
        "log byte": LINE + synced * LINE,
        "trace": 1,
    }
    return {name: own.get(name, 0) + follows.get(name, 0) for name in {*own, *follows}}


# The run is written with its Job and its entry, and again when the Job exists.
TRIGGERED: Final = (
    transacted(WAITING_RUN)
    + writes(WAITING_RUN, RUN_INDEXES)
    + transacted(ENTRY, INDEXED_ENTRY)
    + writes(WAITING_RUN, 1 + RUN_INDEXES)
)
REQUESTS: Final[dict[str, Use]] = {
    "read a run": request(read_unit=1),
    "read a run's log": request(read_unit=1, S3_GET=1),
    # The call is counted, and the run is read each second; the function waits all the time.
    "follow a log for 20 seconds": request(read_unit=21, write_unit=2) | {"GB-second": 20 * 0.5},
    "read a job": request(read_unit=2),
    "list 50 jobs": request(read_unit=ceil(50 * JOB / 4096)),
    "list 50 runs": request(read_unit=1 + ceil(51 * RUN / 4096) / 2),
    # The job, two locks and the project's count in a transaction, the index of slots, and the job's version.
    "create a job": followed(
        request(read_unit=1, write_unit=4 * transacted(JOB) + 1 + transacted(VERSION, INDEXED_ENTRY)), synced=True
    ),
    # The job, its place in the index of slots before and after, and its version.
    "change a job": followed(
        request(read_unit=2, write_unit=transacted(JOB) + 2 + transacted(VERSION, INDEXED_ENTRY)), synced=True
    ),
    # The request, with its entry and the run's indexes; calls to the cluster cost nothing.
    "cancel a run": followed(
        request(
            read_unit=1,
            write_unit=transacted(RUN) + writes(RUN, RUN_INDEXES) + transacted(ENTRY, INDEXED_ENTRY),
        ),
        synced=False,
    ),
    "trigger": followed(request(read_unit=2, write_unit=TRIGGERED), synced=False),
    # As a trigger, after the run that it repeats was read.
    "retry a run": followed(request(read_unit=2 + ceil(RUN / 4096), write_unit=TRIGGERED), synced=False),
}


def runs(load: Jobs) -> dict[str, Use]:
    """Return the use that grows with runs, a month: the writes of a run, its log, its slot, its lines."""
    minutes = load.open_part * MINUTES
    return {
        # Creating the run and recording that it runs are one write if its Pod starts within five seconds. Its end is
        # written together with the day's count: the run moves from one index to another, and its job is read for its
        # followers.
        "runs: started, ended": {
            "write unit": load.runs * (writes(RUN, 1 + RUN_INDEXES) + transacted(RUN) + writes(RUN, RUN_INDEXES + 1)),
            "read unit": load.runs * reads(JOB),
        },
        # Looked for before it is written, and its job, which says what is requested and which slot is settled. A
        # project is read once for the runs that begin together.
        "runs: looked up": {"read unit": load.runs * (reads(RUN) / 2 + reads(JOB)) + minutes * 2 * reads(JOB)},
        "runs: counted by day": {"write unit": load.runs * transacted(COUNTS)},
        "runs: their slots settled": {"write unit": load.runs * 3},
        # The object of a log carries the results that were read from it.
        "runs: their logs stored, with results": {"S3 PUT": load.runs},
        "runs: lines about them": {
            "log byte": minutes * LINES_A_MINUTE + load.runs * UNSUCCESSFUL * ENDED_LINE,
        },
        "runs: parts of their logs": {"write unit": load.runs * load.parts * PART_UNITS},
        "runs: their logs kept, each month": {"S3 GB-month": load.runs * LOG / 5 / GB},
        "runs: their records kept, each month": {
            "DynamoDB GB-month": load.runs * RUN * RUN_COPIES / GB,
            "backup GB-month": load.runs * RUN / GB,
        },
    }


def artifacts(load: Jobs) -> Use:
    """Return the use of storing the artifacts of dbt runs that succeed, a month, and of keeping them.

    A Pod asks once for a form, which the authorizer and a function of its own answer, and stores all files as one
    object. At the end its list of them and `run_results.json` are read, and the items of the newest artifacts are read
    and written in the transaction of the end. What somebody downloads is not in it.
    """
    asked = request(S3_PUT=1, S3_GET=2, read_unit=2, write_unit=2 * transacted(LATEST))
    authorized = {"Lambda request": 1, "GB-second": REQUEST_SECONDS * 0.5, "log byte": LINE}
    each = {name: asked.get(name, 0) + authorized.get(name, 0) for name in {*asked, *authorized}}
    return {
        **{name: count * load.runs for name, count in each.items()},
        "S3 GB-month": load.runs * ARTIFACT_BYTES / GB,
    }


def account_events(load: Jobs, *, rules: bool) -> Use:
    """Return the use of `publish_events` a month: two events a run if the bus has a rule, and the batches of records.

    Of a run, filters leave two writes; of its job, none. The function is not traced, and logs no line for a batch. A
    function that reads a stream pays nothing for that: https://aws.amazon.com/dynamodb/pricing/on-demand/
    """
    batches = _batches(load.runs * 2, RUNS_WINDOW_SECONDS)
    return {
        "event": load.runs * 2 * rules,
        "Lambda request": batches,
        "GB-second": batches * REQUEST_SECONDS * 0.25,
        "read unit": batches * rules,
    }


def _batches(records: float, window_seconds: float) -> float:
    """Return how many batches records make that are spread over a month: a batch is the first and what follows it."""
    return records / (1 + records / (HOURS * 3600) / SHARDS * window_seconds)


def passes(load: Jobs) -> dict[str, Use]:
    """Return the use that grows with passes, a month. None is traced, but for those that a traced request asks for."""
    idle, every, spares = HOURS * 3600 / IDLE_SECONDS, load.passes, load.open_passes * SPARES
    # The indexes of open runs, of due deliveries and of slots are read: half a unit for 4 kB each. The next slot is
    # looked up where no run is open.
    read = (max(1, ceil(load.open_at_once * RUN / 4096)) + 2) / 2
    next_slots = (every - load.open_passes) / 2
    return {
        # A pass that follows another one writes only its beginning, which says when the next one is due. All others,
        # and those before a sync, write their end too.
        "passes: their pulses": {
            "queue request": every * load.requests_of_a_pulse,
            "write unit": every + (every - load.open_passes) + idle * load.open_part,
        },
        # The spare is sent in one call with the pulse. It is received and deleted, and one read shows that nothing is
        # to be done.
        "passes: spare pulses": {
            "queue request": spares * 2,
            "Lambda request": spares,
            "GB-second": spares * 0.5 * SPARE_SECONDS,
            "read unit": spares,
        },
        "passes: ingests": {
            "Lambda request": every,
            "GB-second": 0.5 * (every * INGEST_SECONDS - load.open_passes * CALLS_LESS_SECONDS),
            "read unit": every * read + next_slots,
            "log byte": idle * LINE,
        },
        "passes: reads of logs": {"GB-second": load.open_passes * 0.5 * READS_OF_LOGS_SECONDS},
        "passes: syncs of everything": {
            "GB-second": idle * 0.5 * (SYNC_SECONDS + load.jobs / 1000 * SYNC_SECONDS_PER_1000),
            "read unit": idle * (2 + ceil(load.jobs * JOB / 4096)),
            "log byte": idle * LINE,
        },
    }


# AuthorizerErrors comes from the access log. An alarm costs as many times as it has metrics; a test counts them.
METRICS: Final = len(Metric) + 1
ALARM_METRICS: Final = 50
FIXED: Final[dict[str, Use]] = {
    "metrics, alarms, dashboard": {"metric-month": METRICS, "alarm-month": ALARM_METRICS, "dashboard-month": 1},
    "the key of webhooks' secrets": {"key-month": 1},
    "Lambda's polling of two queues": {"queue request": QUEUES * POLLERS * 3 * MINUTES},
    "the tick": {
        "Lambda request": MINUTES,
        "GB-second": MINUTES * 0.25 * 0.1,
        "log byte": MINUTES * LINE,
    },
}
# A Slack token is read every five minutes while there are messages to send, a webhook's secrets once per environment.
ELSE: Final[dict[str, Use]] = {
    "an organization's Slack token, read every five minutes": {
        "secret-month": 1,
        "secret request": ENVIRONMENTS * MINUTES / 5,
    },
    # One message per batch. Its delivery is in the table and its index, and the function waits for the receiver for 0.3
    # s.
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
    "a million entries of the audit log, written": {"write unit": MILLION * transacted(VERSION, INDEXED_ENTRY)},
    "a million entries kept, each month": {"DynamoDB GB-month": MILLION * (VERSION + INDEXED_ENTRY) / GB},
    "parts of a thousand runs of an hour that print all the time": {
        "write unit": 1000 * Jobs(seconds=3600).parts * PART_UNITS
    },
    "an hour of a log that grows fast, followed": {"GB-second": 3600 * 0.5 * FOLLOWERS},
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
HOURLY: Final = Jobs()
# A hundred runs that start at once take six minutes to end.
LOADS: Final = {
    "hourly, spread over the hour": HOURLY,
    "hourly, all at the full hour": Jobs(seconds=360, open_part=0.1),
    "daily, within an hour": Jobs(runs_per_month=30, seconds=360, open_part=1 / 24),
}


def table(head: str, rows: Iterable[tuple[str, Iterable[float]]]) -> list[str]:
    """Return a table in Markdown."""
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|---|" + "---:|" * (columns - 1)]
    return [*lines, *(f"| {name} | {' | '.join(f'{cost:,.2f}' for cost in costs)} |" for name, costs in rows)]


def tables() -> list[str]:
    """Return every line that docs/scale.md shows."""
    parts = runs(HOURLY) | passes(HOURLY)
    total = sum(dollars(use) for use in parts.values())
    unheard, heard = (dollars(account_events(HOURLY, rules=rules)) for rules in (False, True))
    per_load = [
        (name, (sum(map(dollars, runs(it).values())), sum(map(dollars, passes(it).values()))))
        for name, it in LOADS.items()
    ]
    idle = Jobs(jobs=0, runs_per_month=0, open_part=0)
    alone = sum(map(dollars, passes(idle).values()))
    cold = dollars({"GB-second": idle.passes * START_SECONDS * 0.5})
    return [
        *table(
            "a million times | first of its second, $ | beyond, $",
            ((name, [dollars(use, traced) * MILLION for traced in (FIRST, BEYOND)]) for name, use in REQUESTS.items()),
        ),
        "",
        *table("1,000 hourly jobs, spread over the hour | $ a month", ((n, [dollars(u)]) for n, u in parts.items())),
        f"| together | {total:,.2f} |",
        f"| and events for the account that no rule wants | {unheard:,.2f} |",
        f"| or, with a rule on the bus | {heard:,.2f} |",
        f"| and artifacts, if all are dbt jobs that store them | {dollars(artifacts(HOURLY)):,.2f} |",
        "",
        *table("1,000 jobs | runs, $ a month | passes, $ a month | together", ((n, [*c, sum(c)]) for n, c in per_load)),
        "",
        *table("fixed costs | $ a month", ((name, [dollars(use)]) for name, use in FIXED.items())),
        f"| each organization where nothing runs | {alone:,.3f} |",
        f"| more for it, if each of its passes starts a new environment | {cold:,.3f} |",
        "",
        *table("optional | $ a month", ((name, [dollars(use)]) for name, use in ELSE.items())),
        "",
        *table("SnapStart | $", ((name, [dollars(use)]) for name, use in SNAPSTART.items())),
    ]


if __name__ == "__main__":
    print("\n".join(tables()))
