"""dbt's `retry`: the command that continues a run, and which run's artifacts it continues."""

import re
import shlex
from typing import Final

from jobs_api import store
from jobs_api.errors import RunNotFound
from jobs_api.ids import attempt_id
from jobs_api.logs.artifacts import Bundle, BundleKey, stored_bundle
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.model.words import split
from jobs_api.trigger.earlier_artifacts import last_run

# The files that dbt reads of the run that it continues: https://docs.getdbt.com/reference/commands/retry
NEEDED: Final = frozenset({"manifest.json", "run_results.json"})
# Flags that dbt's `retry` does not take over from that run, or needs before it has read its arguments.
KEPT_FLAGS: Final = ("--profiles-dir", "--project-dir", "--profile", "--target", "-t")
# The target behind other short flags, which are switches, or with its value in the same word: `-dt prod`, `-tprod`.
_JOINED_TARGET: Final = re.compile(r"-[dqxfvV]*t(?P<value>.*)", re.DOTALL)


def continued_command(command: str) -> str:
    """Return the command that continues a run of a dbt command: where its project is, and nothing else, is kept."""
    kept, words = ["dbt", "retry"], iter(split(command))
    for word in words:
        joined = _JOINED_TARGET.fullmatch(word)
        if joined and joined["value"]:
            kept += ["-t", joined["value"]]
        elif joined or word in KEPT_FLAGS:
            kept += ["-t" if joined else word, *[value for value in [next(words, None)] if value is not None]]
        elif word.startswith(tuple(f"{flag}=" for flag in KEPT_FLAGS)):
            kept.append(word)
    return shlex.join(kept)


def can_be_continued(run: Run) -> bool:
    """Return whether the artifacts of a run are stored that dbt's `retry` needs."""
    return _continued_bundle(run) is not None


def continued_by(project: Project, job_id: str, run_id: str) -> Bundle | None:
    """Return the artifacts that a run of dbt's `retry` continues.

    They are those of the run that it repeats, or of the attempt before it; else of the last run of its job. A run that
    ran no node, because it did not reach the warehouse, stored its manifest alone, and is passed over.
    """
    try:
        run = store.get_run(project.organization_id, run_id)
    except RunNotFound:  # a scheduled run, which a later pass will record
        return last_run(project, job_id, run_id, NEEDED)
    named = _named_by(run)
    found = (_stored_of(run, each) for each in [*_attempts_before(run), *([named] if named else [])])
    nearest = next((one for one in found if one), None)
    # Any other run of the job is not the one that should be continued.
    return nearest if nearest or named else last_run(project, job_id, run_id, NEEDED)


def _attempts_before(run: Run) -> list[str]:
    """Return the earlier attempts of a run's sequence, newest first."""
    if not (run.attempt and run.retry_of):
        return []
    return [*(attempt_id(run.retry_of, number) for number in range(run.attempt - 1, 1, -1)), run.retry_of]


def _named_by(run: Run) -> str | None:
    """Return the run that somebody's retry repeats, to whose sequence a run belongs."""
    if not run.attempt or run.retry_of is None:
        return run.retry_of
    try:
        return store.get_run(run.organization_id, run.retry_of).retry_of
    except RunNotFound:
        return None


def _stored_of(run: Run, run_id: str) -> Bundle | None:
    """Return what another run of the same organization stored. One GetItem, and a GetObject."""
    try:
        return _continued_bundle(store.get_run(run.organization_id, run_id))
    except RunNotFound:
        return None


def _continued_bundle(run: Run) -> Bundle | None:
    found = stored_bundle(BundleKey.of(run))
    return found if found and found.has(NEEDED) else None
