"""The audit of a soak: the general audit, and checks of what clients, operators and receivers know.

Counts are printed; findings end the soak with status 1.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jobs_api import store
from jobs_api.ingest.logs_left import COLLECTED_UNTIL
from jobs_api.model import run_events, slots
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery, DeliveryStatus, delivery_id
from jobs_api.model.run import FAILURES, Run, RunStatus, TriggeredBy
from jobs_api.notifications.slack.target import SlackTarget
from jobs_api.store import deliveries
from tests.reliability.audit import Audit
from tests.soak.ledger import Ledger, certain_slots

TO_COME = re.compile(r"^this is \S+, with (\d+) lines to come$", re.MULTILINE)
# The runner writes it as its last line.
NOT_STORED = "[jobs-api] The artifacts of this run were not stored: "
# The fields that clients change: a job's name, command and schedule.
SHOWN = ("name", "command", "schedule", "enabled", "description")

OWN_ENDS = frozenset({RunStatus.SUCCESS, RunStatus.FAILED})


@dataclass
class SoakAudit(Audit):
    """An organization at the end of a soak.

    `webhooks` counts what arrived by its id, `slack` all messages of the organization's projects.
    """

    ledger: Ledger = field(default_factory=Ledger)
    webhooks: Counter[str] = field(default_factory=Counter)
    slack: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def findings(self) -> list[str]:
        """Return a sentence for each fault."""
        self.counts.clear()
        found = [
            *super().findings(),
            *self._known_jobs(),
            *self._accepted(),
            *self._retried(),
            *self._cancelled(),
            *self.overlaps(),
            *self._certain_slots(),
        ]
        self.counts["slots in the tables"] = self.slots
        self.counts["runs with artifacts"] = self.bundles
        return found

    # -- what clients know

    def _known_jobs(self) -> Iterator[str]:
        """The jobs are those that somebody made and nobody deleted, as they were last changed."""
        stored = {job.id: job for _, job in self.jobs}
        mine = [job for job in self.ledger.jobs.values() if job.organization_id == self.organization_id]
        for known in mine:
            job = stored.get(known.id)
            if known.uncertain:
                continue
            if known.deleted is (job is not None):
                yield f"{known.id} is {'still there' if job else 'gone'}, which its owner knows otherwise"
            if known.deleted or job is None:
                continue
            self.counts["jobs held against what their owners know"] += 1
            for name in SHOWN:
                if name in known.document and getattr(job.settings, name) != known.document[name]:
                    yield f"{known.id}: {name} is {getattr(job.settings, name)!r}, not {known.document[name]!r}"
        nobodys = Counter(job.project_id for job in stored.values() if job.id not in self.ledger.jobs)
        for project_id, count in (nobodys - self.ledger.unanswered_creates).items():
            if project_id in self.ledger.projects:
                yield f"{count} jobs of {project_id} that nobody made"

    def _accepted(self) -> Iterator[str]:
        """Each accepted trigger is one run that has ended; there are no others but those nobody heard of."""
        mine = [one for one in self.ledger.accepted if one.organization_id == self.organization_id]
        runs = {run.id: run for run in self.runs}
        for one in mine:
            run = runs.get(one.run_id) or self._unlisted(one.run_id)
            self.counts["accepted triggers"] += 1
            if run is None:
                yield f"the accepted run {one.run_id} is lost"
            elif not run.status.ended or run.triggered_by is not TriggeredBy.MANUAL:
                yield f"the accepted run {one.run_id} is {run.status}, {run.triggered_by}"
        accepted = Counter(one.job_id for one in {one.run_id: one for one in mine}.values())
        made = Counter(run.job_id for run in self.runs if run.triggered_by is TriggeredBy.MANUAL)
        for job_id, count in (made - accepted - self.ledger.unanswered_triggers).items():
            if job_id in self.ledger.jobs:
                yield f"{count} runs of {job_id} that nobody triggered"

    def _retried(self) -> Iterator[str]:
        """Each accepted retry is one run; each run that failed with attempts left has the next one, or says why not."""
        runs = {run.id: run for run in self.runs}
        repeated = {run.id for run in self.runs if run.triggered_by is TriggeredBy.RETRY and run.attempt is None}
        mine = self.ledger.retries[self.organization_id]
        yield from (f"the accepted retry {one} is lost" for one in mine - repeated if self._unlisted(one) is None)
        nobodys = repeated - mine
        if len(nobodys) > self.ledger.unanswered_retries:
            yield f"{len(nobodys)} runs were repeated that nobody asked for, such as {min(nobodys)}"
        jobs = {known.id: known for known in self.ledger.jobs.values() if not (known.deleted or known.uncertain)}
        for run in self.runs:
            self.counts[f"runs that are {run.triggered_by}"] += 1
            self.counts["ends that skipped a follower"] += len(run.skipped or ())
            self.counts["runs that waited for others"] += run.triggered_by is TriggeredBy.MANUAL and bool(
                run.launch_after
            )
            self.counts["runs that took long"] += run.long_at is not None
            known = jobs.get(run.job_id)
            failed = run.status in FAILURES and run.cancel_requested_at is None and not run.waits
            if known is None or not failed or slots.is_miss(run):
                continue
            wanted = (run.attempt or 1) <= known.document.get("retries", 0)
            if bool(run.retried_as) is not (wanted and "Not retried: " not in (run.message or "")):
                yield f"the run {run.id} is {run.status}, attempt {run.attempt or 1}, and then {run.retried_as}"
            elif run.retried_as and run.retried_as not in runs:
                yield f"the attempt {run.retried_as} after {run.id} is lost"

    def _cancelled(self) -> Iterator[str]:
        """Each accepted cancel ended its run, unless the command ended by itself; nothing else was cancelled."""
        asked = self.ledger.cancels
        for run in self.runs:
            self.counts["runs cancelled"] += run.status is RunStatus.CANCELLED
            self.counts["cancels of commands that ended by themselves"] += run.id in asked and run.status in OWN_ENDS
            if run.id in asked and run.cancel_requested_at is None:
                yield f"the accepted cancel of {run.id} is lost"
            elif run.id in asked and run.status not in {RunStatus.CANCELLED, *OWN_ENDS} and not _ended_before(run):
                yield f"the accepted cancel of {run.id} came to nothing: it is {run.status}, {run.error_message}"
            elif run.status is RunStatus.CANCELLED and run.id not in asked | self.ledger.unanswered_cancels:
                yield f"the run {run.id} was cancelled, and nobody asked for that"

    def _unlisted(self, run_id: str) -> Run | None:
        """Find a run whose project is gone."""
        return store.find_runs(self.organization_id, {run_id}).get(run_id)

    def _certain_slots(self) -> Iterator[str]:
        """Each slot of which its owner can be certain is a run or a miss; deleted jobs' slots too."""
        of_job: dict[str, Counter[Any]] = defaultdict(Counter)
        for run in self.runs:
            if run.triggered_by is TriggeredBy.SCHEDULED:
                of_job[run.job_id][run.scheduled_for] += 1
        until = self.now - timedelta(seconds=150)
        for known in self.ledger.jobs.values():
            if known.organization_id != self.organization_id or known.uncertain:
                continue
            for at in certain_slots(known, self.ledger.projects.get(known.project_id, []), until):
                self.counts["slots that owners expected"] += 1
                if of_job[known.id][at] != 1:
                    yield f"{known.id} has {of_job[known.id][at]} runs at {at}, when it should have run"

    # -- logs

    def _log(self, run: Run, text: str) -> Iterator[str]:
        """The log of a command that ended by itself is whole, unless its pod went by hand."""
        yield from super()._log(run, text)
        self.counts["logs read"] += 1
        if run.log and run.log.key.endswith(".lost.gz"):
            self.counts["logs that went with their pods"] += 1
            if run.job_name not in self.ledger.by_hand and run.status is not RunStatus.ERROR:
                yield f"the log of {run.id} ({run.job_name}) is said to be lost, and nobody deleted its pod"
        elif (run.log_note or "").startswith(COLLECTED_UNTIL):
            yield from self._collected(run, text)
        elif run.status in {RunStatus.SUCCESS, RunStatus.FAILED} and (told := TO_COME.match(text)):
            count = int(told[1])
            wanted = _lines_of(count)
            self.counts["logs found whole, line by line"] += 1
            lines = text.splitlines()
            if lines[-1].startswith(NOT_STORED):
                self.counts["runs whose artifacts were not stored"] += 1
                lines.pop()
            if lines[1:] != wanted:
                yield f"the log of {run.id} is not whole: {len(text.splitlines())} lines of {count + 2}, {text[-80:]!r}"
        elif run.project_id in self.ledger.projects and run.status is not RunStatus.ERROR and text.startswith("line"):
            yield f"the log of {run.id} has lost its beginning: {text[:80]!r}"

    def _collected(self, run: Run, text: str) -> Iterator[str]:
        """Compare the log collected from a lost pod: it is the beginning of the output, or says where a gap is."""
        self.counts["logs that were collected until their pods were gone"] += 1
        if run.job_name not in self.ledger.by_hand and run.status is not RunStatus.ERROR:
            yield f"the log of {run.id} ({run.job_name}) was not read to its end, and nobody deleted its pod"
        told, rest = TO_COME.match(text), text.partition("\n")[2]
        if told and "[jobs-api" not in text and not "\n".join([*_lines_of(int(told[1])), ""]).startswith(rest):
            yield f"what was collected of the log of {run.id} has a hole: {rest[-80:]!r}"

    # -- alerts

    def _alerts(self) -> Iterator[str]:
        """Compare the notifications: a webhook comes at most once an attempt, a Slack message alone or with others."""
        yield from (f"the run {run.id} has not told of {run.notify}" for run in self.runs if run.notify)
        attempts = sent = 0
        told = set()
        for run, event, channel in self._to_tell():
            one = delivery_id(run.id, event, channel)
            known = deliveries.find(one)
            if known is None and _may_be_quiet(run, event, channel):
                self.counts["successes that were no news in Slack"] += 1
                continue
            self.counts[f"alerts expected: {channel}"] += 1
            self.counts[f"alerts {known.status if known else 'lost'}: {channel}"] += 1
            if known is None or known.status not in {DeliveryStatus.DELIVERED, DeliveryStatus.FOLDED}:
                yield f"the {channel} delivery {one} of {run.id} is {_standing(known)}"
            elif channel == "webhook":
                told.add(one)
                yield from self._arrivals(known)
            elif channel == "slack":
                sent += known.status is DeliveryStatus.DELIVERED
                attempts += known.attempts
        yield from (f"the webhook {one} tells of nothing" for one in self.webhooks.keys() - told)
        self.counts["webhooks arrived"] = self.webhooks.total()
        self.counts["webhooks that came again under their id"] = self.webhooks.total() - len(self.webhooks)
        self.counts["Slack messages arrived"] = self.slack
        if not sent <= self.slack <= attempts:
            yield f"{self.slack} Slack messages for {sent} deliveries with {attempts} attempts"

    def _to_tell(self) -> Iterator[tuple[Run, Event, str]]:
        for run in self.runs:
            events = [run_events.end_event(run.status)] if run.status.ended else []
            events += [Event.LONG] if run.long_at else []
            for event in events:
                yield from ((run, event, channel) for channel in run_events.channels(run, event))

    def _arrivals(self, known: Delivery) -> Iterator[str]:
        came = self.webhooks[known.id]
        if not came:
            yield f"the webhook {known.id} of {known.run_id} is said to be delivered, and never arrived"
        elif came > known.attempts:
            yield f"the webhook {known.id} came {came} times in {known.attempts} attempts"


def summary(audits: list[SoakAudit]) -> dict[str, Counter[str]]:
    """Count what there was, over all organizations."""
    runs = [run for audit in audits for run in audit.runs]
    missed = [run for run in runs if (run.error_message or "").startswith("Missed: ")]
    errors = [run for run in runs if run.status is RunStatus.ERROR and run not in missed]
    return {
        "Runs by status": Counter(f"{run.triggered_by} {run.status}" for run in runs if run not in missed),
        "Misses by reason": Counter(_reason((run.error_message or "").removeprefix("Missed: ")) for run in missed),
        "Runs in error by reason": Counter(_reason(run.error_message or "") for run in errors),
        "Audited": sum((audit.counts for audit in audits), Counter()),
    }


def _lines_of(count: int) -> list[str]:
    return [*(f"line {at} of {count}" for at in range(1, count + 1)), f"end of {count} lines"]


def _ended_before(run: Run) -> bool:
    """Tell whether a run had ended when somebody asked for it to be cancelled, and nobody had seen that."""
    return bool(run.end_time and run.cancel_requested_at and run.end_time < run.cancel_requested_at)


def _reason(message: str) -> str:
    """Return what a message says without names and times."""
    plain = re.sub(r"\S*\d{4}-\d\d-\d\dT\S*|run_\w+,? ?|\bsoak-\S+", "...", message)
    return re.split(r"[;(]", plain)[0].strip()[:90]


def _may_be_quiet(run: Run, event: Event, channel: str) -> bool:
    """Tell whether nothing need be told: of a success that ends no failure, where only failures are wanted."""
    slack = run.alerts and SlackTarget.of(run.alerts)
    return bool(channel == "slack" and event is Event.SUCCESS and slack and not slack.successes)


def _standing(known: Delivery | None) -> str:
    if known is None:
        return "not there"
    return f"{known.status} after {known.attempts} attempts, next at {known.next_attempt_at}: {known.error}"
