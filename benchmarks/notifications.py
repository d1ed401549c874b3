"""How soon notifications arrive, and whether receivers that do not answer delay those that do.

    python -m benchmarks.notifications [rounds]

First the stack of `make run` as it is: a job's process fails, and its alert arrives in the inbox. Then 1,000 webhooks
to 50 receivers, over the queue and the function that empties it with the template's batches and concurrency: once with
all receivers well, once with five that take a connection and never answer. The receivers are a process of their own.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.request import urlopen

from benchmarks.laptop_stack import PATIENCE_SECONDS, Client, Laptop, laptop, until
from benchmarks.measure import ROOT, Figure, report
from benchmarks.webhook_receivers import receivers
from local.functions import Functions
from local.queues import QueueSource
from local.template import Resource, Template, read
from tests.fast_moto.aws import LocalAws

if TYPE_CHECKING:
    from jobs_api.model.delivery import Delivery
    from jobs_api.model.job import Job

ALERT_SECONDS = 10.0
RECEIVERS = 50
EACH = 20
DEAD = 5
WATCHED = RECEIVERS - DEAD
# How long the first attempt at a receiver that does not answer takes; later attempts know that it is slow.
TIMEOUT_SECONDS = 10.0
# How often waiting deliveries are read; rarely, so that reading does not load the machine.
MOST_PROCESSOR_TIME = 1.25
# How long after the start the remaining deliveries to dead receivers are counted.
LOOK_AFTER_SECONDS = 60.0


def main(rounds: int = 5) -> None:
    """Take both figures."""
    with laptop() as stack:
        stack.cluster.wait_until_deployed(PATIENCE_SECONDS)
        report("A process fails on the stack of make run", [*alerts(stack, rounds)])
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    with LocalAws(template):
        os.environ["POWERTOOLS_LOG_LEVEL"] = "CRITICAL"
        well = fan_out(template, dead=0)
        told = fan_out(template, dead=DEAD)
    title = f"{RECEIVERS * EACH:,} webhooks to {RECEIVERS} receivers, of which {DEAD} never answer"
    note = "AWS and the functions share one interpreter here; how many a second there are is its limit."
    report(title, [*fan_out_figures(well, told)], note)


def alerts(stack: Laptop, rounds: int) -> Iterator[Figure]:
    """Measure from the end of a process that fails to its webhook and its Slack message in the inbox."""
    client = Client(stack.session)
    folder = stack.home / "failing"
    folder.mkdir()
    program = folder / "dbt"
    program.write_text("#!/bin/sh\necho 'Database Error in model orders (models/orders.sql)'\nexit 1\n")
    program.chmod(0o755)
    taken = [_one_alert(stack, client, folder, number) for number in range(rounds)]
    yield Figure("process ended to its webhook, median", median(webhook for webhook, _ in taken), "s", ALERT_SECONDS)
    yield Figure("process ended to its Slack message, median", median(slack for _, slack in taken), "s", ALERT_SECONDS)
    yield Figure("the slowest of them", max(slack for _, slack in taken), "s")


def _one_alert(stack: Laptop, client: Client, folder: Path, number: int) -> tuple[float, float]:
    """Let a new job with a new channel fail, since messages about repeated failures are combined."""
    job = stack.create_job(
        client,
        environment={"PATH": str(folder)},
        slack_alerts_enabled=True,
        slack_channel=f"#bench-{number}",
        webhook_enabled=True,
        webhook_url=f"{stack.session['inbox']['webhook_url']}/bench-{number}",
        webhook_events=["failure"],
    )
    run = client.call("POST", f"{stack.jobs}/{job['id']}/trigger")
    until(lambda: stack.cluster.has_ended(run["job_name"]), stack.process)
    ended = time.monotonic()
    arrived: dict[str, float] = {}

    def both() -> bool:
        with urlopen(f"{stack.session['inbox']['url']}/messages") as answer:  # noqa: S310 - it is http
            for message in json.load(answer)["messages"]:
                if message["to"].endswith(f"bench-{number}"):
                    arrived.setdefault(message["kind"], time.monotonic() - ended)
        return len(arrived) == 2

    until(both, stack.process)
    return arrived["webhook"], arrived["slack"]


@dataclass
class Outcome:
    """When each webhook of a watched receiver arrived, in seconds, and how deliveries to the others stood later."""

    arrived: list[float]
    processor_seconds: float
    tried: int
    left: "list[Delivery]"
    looked_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def fan_out_figures(well: Outcome, told: Outcome) -> Iterator[Figure]:
    """Return how much dead receivers delay the others, and how many of their own deliveries are left."""
    held_up = max(told.arrived) - max(well.arrived)
    yield Figure(f"{WATCHED} receivers, beside {DEAD} that are well: all told", max(well.arrived), "s")
    yield Figure(f"the same beside {DEAD} dead ones: half told", median(told.arrived), "s")
    yield Figure(f"the same beside {DEAD} dead ones: all told", max(told.arrived), "s")
    pauses = [after - before for before, after in pairwise(sorted(told.arrived))]
    yield Figure("  longest pause in which none of them was told", max(pauses), "s", budget=TIMEOUT_SECONDS / 2)
    yield Figure("held up by the dead", max(0.0, held_up), "s", budget=TIMEOUT_SECONDS)
    ratio = told.processor_seconds / well.processor_seconds
    yield Figure("processor time, with dead ones to without", ratio, "", budget=MOST_PROCESSOR_TIME)
    yield Figure("delivered twice", len(told.arrived) - WATCHED * EACH, "", budget=0)
    statuses = Counter(delivery.status.value for delivery in told.left)
    waits = [(left.next_attempt_at - told.looked_at).total_seconds() for left in told.left if left.next_attempt_at]
    yield Figure(f"left for the dead after {LOOK_AFTER_SECONDS:.0f} s: to be tried again", statuses["pending"], "")
    yield Figure("  in hand at that moment", statuses["sending"], "")
    yield Figure("  requests that the dead have had", told.tried, "")
    yield Figure("  most attempts at one delivery", max((left.attempts for left in told.left), default=0), "")
    yield Figure("  next try, median", median(waits), "s")


def fan_out(template: Template, *, dead: int) -> Outcome:
    """Queue everything, let the function empty the queue, and wait until the receivers that are watched have all."""
    # The store reads the tables' names when it is imported.
    from jobs_api.model.commands import ProjectType  # noqa: PLC0415
    from jobs_api.model.run import RunStatus  # noqa: PLC0415
    from jobs_api.notifications import queue  # noqa: PLC0415
    from jobs_api.notifications.webhook import http  # noqa: PLC0415
    from tests.functions.people import new_organization, new_project  # noqa: PLC0415
    from tests.notifications.notification_world import new_job, new_run  # noqa: PLC0415

    with receivers(RECEIVERS, dead, WATCHED) as there:
        os.environ |= {"WEBHOOK_CA_FILE": there.authority, "WEBHOOK_ALLOWED_HOSTS": ",".join(there.hosts)}
        http._tls.cache_clear()  # noqa: SLF001 - each start of the receivers has an authority of its own
        project = new_project(new_organization("bench").id, "jaffle", ProjectType.DBT)
        jobs = [
            new_job(project, f"job {n}", webhook_enabled=True, webhook_url=f"https://{host}/hook")[0]
            for n, host in enumerate(there.hosts)
        ]
        now = datetime.now(UTC)
        runs = [new_run(job, project, RunStatus.FAILED, now) for _ in range(EACH) for job in jobs]
        queue.publish(run.model_copy(update={"notify": ["failure"]}) for run in runs)
        begun, processor = time.monotonic(), time.process_time()
        with emptied(template):
            arrived = there.wait_for(WATCHED * EACH)
            taken = time.process_time() - processor
            if dead:
                time.sleep(max(0.0, begun + LOOK_AFTER_SECONDS - time.monotonic()))
            left = [delivery for job in jobs[WATCHED:] for delivery in _deliveries(job)]
            return Outcome([at - begun for at in arrived], taken, there.tried, left)


def _deliveries(job: "Job") -> "list[Delivery]":
    from jobs_api.store import deliveries  # noqa: PLC0415 - as above

    return deliveries.page(job.organization_id, job.id, status=None, limit=500, before=None)[0]


@contextmanager
def emptied(template: Template) -> Iterator[None]:
    """Invoke the function with batches of the queue, as its event source mapping does."""
    functions = Functions(template.functions())
    source = QueueSource(mapping_of_the_queue(template), functions)
    source.start()
    try:
        yield
    finally:
        source.stop()


def mapping_of_the_queue(template: Template) -> Resource:
    """Return the event source mapping from the queue of notifications to its function."""
    mappings = template.resources("AWS::Lambda::EventSourceMapping")
    (found,) = (one for one in mappings if one.properties["EventSourceArn"].endswith("NotificationsQueue"))
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
