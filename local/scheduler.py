"""Does what AWS does for the template: fires schedules, sends events to functions, and polls queues.

A `rate(…)` fires faster than in the cloud: its minute takes `minute_seconds`.
"""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from jobs_api.schedule import InvalidSchedule, next_fire, parse
from local.bus import BusListener, EmulatorListener, Event, Listener, Rule, envelope, rules_of
from local.emulator.services import Services
from local.functions import Functions
from local.intrinsics import UnsupportedTemplate
from local.invoking import AsynchronousInvoker
from local.queues import QueueSource
from local.template import Template

_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.+)\)")
# How long a tick waits at most for the work that the previous tick started.
_PATIENCE_SECONDS = 20.0


class Scheduler:
    """Runs the template's rules and event sources during its `with` block."""

    def __init__(
        self,
        template: Template,
        functions: Functions,
        minute_seconds: float = 10.0,
        emulated: Services | None = None,
        before_batch: Callable[[], None] = lambda: None,
    ) -> None:
        """Read the rules and sources, without starting them. `emulated` are the emulator's; None means moto's.

        `before_batch` is called before a function is invoked with messages of a queue.
        """
        rules = rules_of(template)
        self._patterned = [rule for rule in rules if rule.pattern]
        self._ticks = [
            _Tick(rule, Schedule(rule.schedule, minute_seconds), self._fire) for rule in rules if rule.schedule
        ]
        self._invoker = AsynchronousInvoker(template, functions, retry_seconds=minute_seconds)
        self._queues = [
            QueueSource(mapping, functions, emulated.sqs if emulated else None, before_batch)
            for mapping in template.resources("AWS::Lambda::EventSourceMapping")
            # Streams only serve the account's event bus, which a laptop does not have.
            if ":dynamodb:" not in mapping.properties["EventSourceArn"]
        ]
        self._listener: Listener = (
            EmulatorListener(emulated.events, self._route) if emulated else BusListener(self._route)
        )

    def __enter__(self) -> Self:
        """Start; a rate fires at once for the first time."""
        self._listener.start()
        for queue in self._queues:
            queue.start()
        for tick in self._ticks:
            tick.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, without waiting for running functions."""
        self._invoker.stop()
        for tick in self._ticks:
            tick.stop()
        for queue in self._queues:
            queue.stop()
        self._listener.stop()

    def _route(self, bus: str, event: Event) -> None:
        for rule in self._patterned:
            if rule.matches(bus, event):
                self._invoke(rule, event)

    def _fire(self, rule: Rule) -> None:
        # In the cloud a tick's work is done before the next tick. Here ticks are faster, and would queue up.
        self._invoker.wait_until_idle(_PATIENCE_SECONDS)
        self._invoke(rule, envelope("aws.events", "Scheduled Event", {}, resources=[rule.arn]))

    def _invoke(self, rule: Rule, event: Event) -> None:
        for target in rule.targets:
            self._invoker.submit(target.function, target.input(event))


class _Tick:
    """A thread that fires one rule on its schedule."""

    def __init__(self, rule: Rule, schedule: "Schedule", fire: Callable[[Rule], None]) -> None:
        self._rule = rule
        self._schedule = schedule
        self._fire = fire
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=rule.arn, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seconds = self._schedule.first_wait(datetime.now(UTC))
        while not self._stop.wait(seconds):
            self._fire(self._rule)
            seconds = self._schedule.wait(datetime.now(UTC))


class Schedule:
    """When a rule fires. A rate is sped up; a cron expression follows the clock, in UTC.

    Syntax: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """

    def __init__(self, expression: str, minute_seconds: float) -> None:
        """Read `rate(…)` or `cron(…)`.

        Raises:
            UnsupportedTemplate: the text is neither, or is a cron expression that Kubernetes' grammar cannot express.
        """
        rate = _RATE.fullmatch(expression)
        self._interval = int(rate[1]) * _MINUTES[rate[2]] * minute_seconds if rate else None
        self._cron = None if rate else _five_fields(expression)

    def first_wait(self, now: datetime) -> float:
        """Return the seconds until it fires for the first time: zero for a rate."""
        return self.wait(now) if self._cron else 0.0

    def wait(self, now: datetime) -> float:
        """Return the seconds until it fires next."""
        if self._cron is None:
            return self._interval or 0.0
        fires_at = next_fire(self._cron, "UTC", now)
        return (fires_at - now).total_seconds() if fires_at else threading.TIMEOUT_MAX


def _five_fields(expression: str) -> str:
    """Translate EventBridge's six cron fields, which end with a year and number Sunday 1, into the usual five."""
    cron = _CRON.fullmatch(expression)
    fields = cron[1].split() if cron else []
    if len(fields) != 6 or fields[5] != "*":
        raise UnsupportedTemplate(f"the schedule {expression!r} is not understood by the laptop stack")
    weekday = re.sub(r"[1-7]", lambda digit: str(int(digit[0]) - 1), fields[4])
    five = " ".join([*fields[:4], weekday])
    try:
        parse(five)
    except InvalidSchedule as error:
        raise UnsupportedTemplate(f"the schedule {expression!r} is not understood here: {error}") from error
    return five
