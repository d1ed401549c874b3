"""How many of a project's jobs one answer holds: all of them nearly always, or as many as fit."""

import json
from collections.abc import Iterable
from typing import Final

from jobs_api.jobs import Job, JobDocument

# Lambda passes 6 MB on, the envelope included, in which each quotation mark of the body takes two bytes.
ANSWER_BYTES: Final = 4_500_000


def position_of(job: Job) -> str:
    """Return where a job stands in the list, oldest first: a text that sorts as the jobs do."""
    return f"{job.created_at.timestamp():020.6f} {job.id}"


def following(jobs: Iterable[Job], position: str) -> list[Job]:
    """Return the jobs after a position, which need not be that of a job any more."""
    return [job for job in jobs if position_of(job) > position]


def that_fit(documents: Iterable[JobDocument]) -> list[JobDocument]:
    """Return as many documents as fit into one answer, at least one."""
    page: list[JobDocument] = []
    left = ANSWER_BYTES
    for document in documents:
        left -= len(json.dumps(document.model_dump_json()))
        if left < 0 and page:
            break
        page.append(document)
    return page
