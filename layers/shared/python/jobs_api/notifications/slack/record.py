"""Reads and writes in the table what a Slack channel knows about a project's jobs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from jobs_api.model.delivery import Delivery
from jobs_api.notifications.slack.memory import Storms
from jobs_api.store import channel_memory


def storms_in(project_id: str, channel: str) -> tuple[Storms, int]:
    """Return what a channel knows about a project's jobs, and the version of that, from 0. One GetItem."""
    kept, version = channel_memory.memory_at(_key(project_id, channel))
    return Storms.model_validate(kept), version


def change_storms(project_id: str, channel: str, change: Callable[[Storms], Storms], now: datetime) -> None:
    """Change what a channel knows, also while others do. A GetItem and a PutItem, repeated only on a conflict."""

    def changed(kept: dict[str, Any]) -> dict[str, Any]:
        return change(Storms.model_validate(kept)).model_dump(mode="json")

    channel_memory.change_memory(_key(project_id, channel), changed, now)


def record_grouping(channel: str, storms: Storms, version: int, delivery: Delivery, before: Delivery | None) -> bool:
    """Write what a channel now knows together with the delivery that it was decided for; see the store."""
    key = _key(delivery.project_id, channel)
    return channel_memory.record_decision(key, storms.model_dump(mode="json"), version, delivery, before)


def _key(project_id: str, channel: str) -> str:
    return f"storms#{project_id}#{channel}"
