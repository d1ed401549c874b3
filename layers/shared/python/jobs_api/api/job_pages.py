"""Pages of a project's jobs: nearly always one page with all jobs, or else as many as fit into an answer."""

import json
from collections.abc import Iterable

from jobs_api.model.answer_size import ANSWER_BYTES
from jobs_api.model.job import Job
from jobs_api.model.job_document import JobDocument, JobList


def position_in_list(job: Job) -> str:
    """Return a job's position in the list, oldest first: a text that sorts as the jobs do."""
    return f"{job.created_at.timestamp():020.6f} {job.id}"


def following(jobs: Iterable[Job], position: str) -> list[Job]:
    """Return the jobs after a position; the job of that position may have been deleted."""
    return [job for job in jobs if position_in_list(job) > position]


def page_of(documents: Iterable[JobDocument]) -> list[str]:
    """Return as many documents as fit into one answer, at least one, each as its JSON."""
    page: list[str] = []
    left = ANSWER_BYTES
    for document in documents:
        text = document.model_dump_json()
        left -= size_in_an_answer(text)
        if left < 0 and page:
            break
        page.append(text)
    return page


def size_in_an_answer(document: str) -> int:
    """Return the length of a JSON text as a JSON string, which is how the body of an answer is returned."""
    if document.isascii():
        # A JSON text has one control character at most, DEL, for which json writes six.
        return len(document) + 2 + document.count('"') + document.count("\\") + 5 * document.count("\x7f")
    return len(json.dumps(document))


def answer(page: Iterable[str], total: int, next_cursor: str | None) -> str:
    """Return the JSON of a JobList, made from the JSON of its jobs, so that these are not serialized twice."""
    empty = JobList(jobs=[], total=total, next_cursor=next_cursor).model_dump_json()
    return empty.replace("[]", f"[{','.join(page)}]", 1)
