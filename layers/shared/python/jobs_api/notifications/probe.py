"""Tests a job's notifications: sends a test through each configured channel, and returns what the receivers said."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from pydantic import ConfigDict, RootModel

from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.notifications.attempt import TestResult
from jobs_api.notifications.protocol import Channel


class TestOutcome(RootModel[dict[str, TestResult]]):
    """The result of the test of each configured channel, by the channel's name."""

    __test__ = False

    model_config = ConfigDict(frozen=True)


def test_all(project: Project, job: Job, channels: Sequence[Channel], now: datetime) -> TestOutcome:
    """Send a test through each of these channels, for which the job has an address, in parallel."""
    with ThreadPoolExecutor(len(channels)) as side_by_side:
        asked = {one.name: side_by_side.submit(one.sender().test, project, job, now) for one in channels}
    return TestOutcome({name: answer.result() for name, answer in asked.items()})
