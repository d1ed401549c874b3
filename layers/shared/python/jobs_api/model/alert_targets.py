"""The targets of a run's notifications: its job's alert settings, stored with the run as they were when it was created.

A channel is a name here, and its target is a JSON object in the channel's own form. Every target says which events the
channel gets, so that one write can change a run's status and set `notify`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field, model_serializer, model_validator

from jobs_api.model.document import Record


class Event(StrEnum):
    """The events of a run; `failure` is a run that ended as `failed` or `error`.

    `late` is a run of a slot that has not ended by its time, `long` one that takes longer than its job's owner expects.
    """

    STARTED = "started"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    LATE = "late"
    LONG = "long"


class EventsTarget(Record):
    """The target of a channel that gets the events on a list; each channel adds other fields."""

    events: list[Event]


class EndsTarget(Record):
    """The target of a channel that follows how runs end; each channel adds other fields.

    Of a run that is retried, it gets the end of the last attempt alone. Where it gets failures, it gets late and long
    runs, and is asked about each success too, which may be the recovery. With `warnings` it gets the successes that
    have some. It gets no cancelled run: its requester knows of it.
    """

    failures: bool
    successes: bool
    warnings: bool = False


type Target = EventsTarget | EndsTarget


class RunAlerts(Record):
    """The targets of a run's notifications; the names are those of its project and job when it was created.

    `targets` has the target of each channel with a requested event. In JSON each target is beside the names, under the
    name of its channel.
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
        # Runs of older versions have `null` for a channel without a target.
        targets = {name: value for name, value in document.items() if name not in names and value is not None}
        return {**names, "targets": targets}

    @model_serializer
    def _spread_targets(self) -> dict[str, Any]:
        names = {"project_name": self.project_name, "project_type": self.project_type, "job_name": self.job_name}
        return {**names, **self.targets}

    def channels(self, event: Event, *, is_retried: bool = False, warned: bool = False) -> list[str]:
        """Return the channels for which an event may be requested of a run.

        Args:
            event: what happened.
            is_retried: whether another attempt follows.
            warned: whether the run has warnings.
        """
        return [channel for channel, target in self.targets.items() if _wants(target, event, is_retried, warned)]


def _wants(target: Mapping[str, Any], event: Event, is_retried: bool, warned: bool) -> bool:  # noqa: FBT001
    """Return whether a target, an EventsTarget or an EndsTarget, has to be asked about an event."""
    if "events" in target:
        return event in target["events"]
    if is_retried and event in {Event.FAILURE, Event.SUCCESS}:
        return False
    failures, successes = bool(target.get("failures")), bool(target.get("successes"))
    if event in {Event.FAILURE, Event.LATE, Event.LONG}:
        return failures
    warnings = warned and bool(target.get("warnings"))
    return event is Event.SUCCESS and (failures or successes or warnings)
