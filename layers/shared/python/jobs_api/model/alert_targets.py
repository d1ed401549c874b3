"""Whom a run tells of what: its job's alert settings, kept with the run as they stood when it was created.

A channel is a word here, and where it leads a JSON object of the channel's own. All that is known of every target is
which events the channel hears of, so that a run can be marked together with the write of its status.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field, model_serializer, model_validator

from jobs_api.model.document import Document, Record


class Event(StrEnum):
    """What there is to tell of a run; `failure` is a run that ended `failed` or in `error`, and `cancelled` is none."""

    STARTED = "started"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


class EventsTarget(Record):
    """Where a channel leads that hears of the events on a list; a channel adds fields of its own."""

    events: list[Event]


class EndsTarget(Record):
    """Where a channel leads that follows how runs end; a channel adds fields of its own.

    Where it hears of failures it is asked about each success too, which may be the recovery. It hears of no cancelled
    run: somebody knows of that who asked for it.
    """

    failures: bool
    successes: bool


type Target = EventsTarget | EndsTarget


class RunAlerts(Document):
    """Whom a run tells; the names are those of its project and job at the time.

    `targets` has the target of each channel that somebody wants to hear through. In JSON each of them stands beside
    the names, under the name of its channel.
    """

    project_name: str
    project_type: str
    job_name: str
    targets: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_targets(cls, document: dict[str, Any]) -> dict[str, Any]:
        if "targets" in document:
            return document
        names = {name: value for name, value in document.items() if name in cls.model_fields}
        # Runs of older versions have `null` for a channel through which nobody hears.
        targets = {name: value for name, value in document.items() if name not in names and value is not None}
        return {**names, "targets": targets}

    @model_serializer
    def _spread_targets(self) -> dict[str, Any]:
        names = {"project_name": self.project_name, "project_type": self.project_type, "job_name": self.job_name}
        return {**names, **self.targets}

    def channels(self, event: Event) -> list[str]:
        """Return the channels through which somebody may want to hear of an event."""
        return [channel for channel, target in self.targets.items() if _hears(target, event)]


def _hears(target: Mapping[str, Any], event: Event) -> bool:
    """Tell whether a target is an EventsTarget, or an EndsTarget, that is to be asked about an event."""
    if "events" in target:
        return event in target["events"]
    failures, successes = bool(target.get("failures")), bool(target.get("successes"))
    return {Event.FAILURE: failures, Event.SUCCESS: failures or successes}.get(event, False)
