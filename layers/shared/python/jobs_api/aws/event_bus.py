"""Sends events to the bus when something changed, so that a sync runs within seconds and not within a minute.

An event only starts a sync sooner: the next tick finds the change too. So if the bus is down, requests do not fail.
"""

import json
import logging
import os
from typing import TYPE_CHECKING, Final

from jobs_api.aws.clients import BotoCoreError, ClientError, client

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE: Final = "jobs-api"
JOB_CHANGED: Final = "JobChanged"
PROJECT_CHANGED: Final = "ProjectChanged"
ORGANIZATION_TICK: Final = "OrganizationTick"
ENTRIES_PER_CALL = 10

logger = logging.getLogger(__name__)


def job_changed(organization_id: str, project_id: str, job_id: str) -> None:
    """Send that a job was created, changed or deleted."""
    _try_to_put(JOB_CHANGED, {"organization_id": organization_id, "project_id": project_id, "job_id": job_id})


def project_changed(organization_id: str, project_id: str) -> None:
    """Send that a project was deployed, suspended, changed or deleted."""
    _try_to_put(PROJECT_CHANGED, {"organization_id": organization_id, "project_id": project_id})


def organization_ticks(organization_ids: list[str]) -> None:
    """Send a tick for each organization; raises what the bus raises, so that Lambda retries."""
    for at in range(0, len(organization_ids), ENTRIES_PER_CALL):
        _put(ORGANIZATION_TICK, [{"organization_id": name} for name in organization_ids[at : at + ENTRIES_PER_CALL]])


def _try_to_put(detail_type: str, detail: dict[str, str]) -> None:
    try:
        _put(detail_type, [detail])
    except (BotoCoreError, ClientError, EventsRejected):
        logger.warning("The bus did not take %s; the next tick will see the change", detail_type, exc_info=True)


class EventsRejected(Exception):
    """The bus answered, but did not accept all of the events."""


def _put(detail_type: str, details: list[dict[str, str]]) -> None:
    bus = os.environ["EVENT_BUS"]
    answer = _client().put_events(
        Entries=[
            {"Source": SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": bus}
            for detail in details
        ]
    )
    if answer["FailedEntryCount"]:
        raise EventsRejected(f"{answer['FailedEntryCount']} of {len(details)} {detail_type} events")


def _client() -> "EventBridgeClient":
    return client("events")
