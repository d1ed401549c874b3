"""EventBridge on a laptop: receives events from any process and finds the rules that match them."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from local.emulator.events import Events
from local.intrinsics import ACCOUNT, REGION, UnsupportedTemplate
from local.template import Resource, Template

if TYPE_CHECKING:
    from moto.events.models import EventPattern, EventsBackend

type Event = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A function that a rule invokes, and the input that replaces the event if the rule has one."""

    function: str
    constant_input: str | None = None

    def input(self, event: Event) -> Event:
        """Return the input of the invocation."""
        return event if self.constant_input is None else json.loads(self.constant_input)


@dataclass(frozen=True)
class Rule:
    """One enabled rule: it has a pattern on a bus, or a schedule."""

    arn: str
    bus: str
    pattern: "EventPattern | None"
    schedule: str | None
    targets: tuple[Target, ...]

    def matches(self, bus: str, event: Event) -> bool:
        """Return whether the rule matches an event on a bus."""
        return self.pattern is not None and self.bus == bus and self.pattern.matches_event(cast("Any", event))


def rules_of(template: Template) -> list[Rule]:
    """Read the template's enabled rules.

    Raises:
        UnsupportedTemplate: a target has an InputPath or an InputTransformer.
    """
    rules = template.resources("AWS::Events::Rule")
    return [_rule(rule) for rule in rules if rule.properties.get("State", "ENABLED") == "ENABLED"]


def _rule(resource: Resource) -> Rule:
    properties = resource.properties
    pattern = properties.get("EventPattern")
    for target in properties["Targets"]:
        unknown = {"InputPath", "InputTransformer"}.intersection(target)
        if unknown:
            raise UnsupportedTemplate(f"{resource.logical_id}: {unknown} of a target is not known to the laptop stack")
    return Rule(
        arn=resource.arn,
        bus=properties.get("EventBusName", "default"),
        pattern=_pattern(pattern) if pattern else None,
        schedule=properties.get("ScheduleExpression"),
        targets=tuple(Target(target["Arn"], target.get("Input")) for target in properties["Targets"]),
    )


def _pattern(pattern: Mapping[str, Any]) -> "EventPattern":
    # moto takes long to import, and `make run` needs it only for a rule with a pattern.
    from moto.events.models import EventPattern  # noqa: PLC0415

    return EventPattern.load(json.dumps(pattern))


def envelope(source: str, detail_type: str, detail: Any, event_id: str | None = None, resources: Any = ()) -> Event:
    """Wrap a detail as EventBridge does."""
    return {
        "version": "0",
        "id": event_id or str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": list(resources),
        "detail": detail,
    }


class Listener(Protocol):
    """Calls back for every event that a bus accepts, between `start` and `stop`."""

    def start(self) -> None:
        """Start listening."""

    def stop(self) -> None:
        """Stop listening."""


class EmulatorListener:
    """Listens to the buses of the emulator."""

    def __init__(self, events: Events, hear: Callable[[str, Event], None]) -> None:
        """Call `hear` with the bus's name and the event, in the thread that sent the event."""
        self._events = events
        self._hear = hear

    def start(self) -> None:
        """Start listening."""
        self._events.listen(self._deliver)

    def stop(self) -> None:
        """Stop listening."""
        self._events.ignore(self._deliver)

    def _deliver(self, entry: Mapping[str, Any], event_id: str) -> None:
        bus = (entry.get("EventBusName") or "default").rpartition("/")[2]
        self._hear(bus, envelope(entry["Source"], entry["DetailType"], json.loads(entry["Detail"]), event_id))


class BusListener:
    """Calls back for every event that a bus accepts, between `start` and `stop`.

    moto delivers to queues and logs only, so its PutEvents is wrapped. A rule that copies all events to a queue would
    delay each event until the next poll, and polling costs time even when nothing happens.
    """

    def __init__(self, hear: Callable[[str, Event], None]) -> None:
        """Call `hear` with the bus's name and the event, in the thread that sent the event."""
        from moto.events.models import EventsBackend  # noqa: PLC0415 - only tests need moto

        self._hear = hear
        self._backend: Any = EventsBackend
        self._original = EventsBackend.put_events

    def start(self) -> None:
        """Start listening."""
        original, hear = self._original, self._hear

        def put_events(backend: "EventsBackend", events: list[dict[str, Any]]) -> list[dict[str, Any]]:
            entries = original(backend, events)
            for put, entry in zip(events, entries, strict=True):
                if "EventId" in entry:
                    # A bus may be named by its ARN: arn:aws:events:<region>:<account>:event-bus/<name>.
                    bus = (put.get("EventBusName") or "default").rpartition("/")[2]
                    detail = json.loads(put["Detail"])
                    hear(bus, envelope(put["Source"], put["DetailType"], detail, entry["EventId"]))
            return entries

        self._backend.put_events = put_events

    def stop(self) -> None:
        """Stop listening."""
        self._backend.put_events = self._original
