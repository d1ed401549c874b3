"""The plan: which fields each change replaces, which slots it adds and takes away, and a digest that names it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import takewhile
from typing import Any, Final, cast

from jobs_api import schedule
from jobs_api.edits.document import PlanAction, PlannedChange, SlotChanges
from jobs_api.model.job import Job
from jobs_api.model.job_history import FieldChange, with_masks
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project

SLOTS_OF: Final = timedelta(hours=24)
LISTED_SLOTS: Final = 100
# The number of slots listed for all jobs together, so that an answer stays below its limit; the totals count the
# others.
LISTED_SLOTS_IN_ALL: Final = 10_000
# The number of slots computed for all schedules together, which takes half a second of a processor. Jobs with the same
# schedule are computed once.
COMPUTED_SLOTS: Final = 100_000


@dataclass(frozen=True)
class JobChange:
    """The change of one job: `before` is None for a new job, `after` for one that is deleted.

    `at` is the place in the list, None for a deletion. `after` is `before` itself where nothing changes; the secrets of
    another one are not sealed yet.
    """

    at: int | None
    before: Job | None
    after: Job | None

    @property
    def action(self) -> PlanAction:
        """The kind of the change."""
        if self.before is None:
            return PlanAction.CREATE
        if self.after is None:
            return PlanAction.DELETE
        return PlanAction.NONE if self.after is self.before else PlanAction.UPDATE

    @property
    def job(self) -> Job:
        """The job as it will be; a deleted one as it was."""
        return cast("Job", self.after or self.before)


@dataclass(frozen=True)
class Plan:
    """The changes of a project's jobs, in the order of the list, then the deletions.

    `edit_count` is the project's count of changed chains, from before the jobs were read.
    """

    project: Project
    jobs: Mapping[str, Job]
    changes: Sequence[JobChange]
    now: datetime
    edit_count: int

    @property
    def open(self) -> list[JobChange]:
        """The changes that are to be written."""
        return [one for one in self.changes if one.action is not PlanAction.NONE]

    def plan_id(self, changes: Iterable[JobChange]) -> str:
        """Return a digest of changes and of the versions that they replace.

        It stays the same while others of the plan are written, so that what is left can be applied next. It knows
        whether a secret changes, but not its value, because people print it.
        """
        parts = [self._compared_parts(change) for change in changes]
        text = json.dumps([self.project.id, parts], sort_keys=True)
        return f"plan_{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    def documents(self, *, applied: Mapping[str, str | None] | None = None) -> tuple[list[PlannedChange], int]:
        """Return the changes as they are shown, and of how many the slots are not counted.

        Args:
            applied: the ids of the jobs that were written, with the signing secrets that were made; None for a plan.
        """
        counting = SlotCount()
        changes = [self._document(change, applied, counting) for change in self.changes]
        return changes, counting.uncounted

    def _document(
        self, change: JobChange, applied: Mapping[str, str | None] | None, counting: "SlotCount"
    ) -> PlannedChange:
        job, action = change.job, change.action
        written = applied is not None and job.id in applied
        return PlannedChange(
            action=action,
            name=job.settings.name,
            job_id=job.id if change.before or written else None,
            fields=self.fields(change) or None,
            slots=self.slots(change, counting),
            applied=None if applied is None or action is PlanAction.NONE else written,
            webhook_secret=applied.get(job.id) if applied else None,
        )

    def fields(self, change: JobChange) -> dict[str, FieldChange]:
        """Return what an update replaces, and what a new job has beside the defaults; secrets are masked."""
        action = change.action
        if action not in {PlanAction.CREATE, PlanAction.UPDATE}:
            return {}
        old = _settings(change.before.without_what_is_over(self.now)) if change.before else _defaults()
        new = _settings(change.job)
        changed = [name for name in JobSettings.model_fields if old.get(name) != new.get(name)]
        before, after = ({} if job is None else self._settings_shown(job) for job in (change.before, change.after))
        return {name: FieldChange(before=before.get(name), after=after.get(name)) for name in changed}

    def _settings_shown(self, job: Job) -> dict[str, Any]:
        shown = with_masks(_settings(job))
        if job.settings.run_after:
            shown["run_after"] = [
                {"job": self._names.get(one.job_id, one.job_id), **self._id_of(one.job_id), "on": list(one.on)}
                for one in job.settings.run_after
            ]
        return shown

    def _id_of(self, job_id: str) -> dict[str, str]:
        return {"job_id": job_id} if job_id in self.jobs else {}

    @cached_property
    def _names(self) -> dict[str, str]:
        now = {job.id: job.settings.name for job in self.jobs.values()}
        return now | {change.job.id: change.job.settings.name for change in self.changes}

    def _compared_parts(self, change: JobChange) -> list[Any]:
        fields = {name: one.model_dump(mode="json") for name, one in self.fields(change).items()}
        for value in fields.get("run_after", {}).values():
            for one in value or ():
                # A job that this plan creates has its id only when it is written.
                one.pop("job_id", None)
        known = change.before
        return [change.action, known.id if known else change.job.slug, known.version if known else 0, fields]

    def slots(self, change: JobChange, counting: "SlotCount") -> SlotChanges | None:
        """Return the slots that a change adds and takes away; None if there are none, or if they are not counted."""
        if change.action is PlanAction.NONE:
            return None
        old, new = (self._firings(job, counting) for job in (change.before, change.after))
        if old is None or new is None:
            counting.uncounted += 1
            return None
        gained, lost = (sorted(set(one) - set(other)) for one, other in ((new, old), (old, new)))
        if not gained and not lost:
            return None
        return SlotChanges(
            gained=counting.listed(gained),
            lost=counting.listed(lost),
            gained_total=len(gained),
            lost_total=len(lost),
        )

    def _firings(self, job: Job | None, counting: "SlotCount") -> tuple[datetime, ...] | None:
        """Return the slots of the next 24 hours in which a job fires, without those of a pause; None if uncounted."""
        if job is None or job.settings.schedule is None or not job.settings.enabled or not self.project.fires:
            return ()
        after = max(self.now, job.fires_since(self.project))
        return counting.fire_times(job.settings.schedule, job.settings.timezone, after, self.now + SLOTS_OF)


class SlotCount:
    """How many slots may still be computed and listed in an answer; remembers those of a schedule."""

    def __init__(self) -> None:
        self.uncounted = 0
        self._to_list = LISTED_SLOTS_IN_ALL
        self._to_compute = COMPUTED_SLOTS
        self._known: dict[tuple[str, str, datetime], tuple[datetime, ...]] = {}

    def listed(self, slots: Sequence[datetime]) -> list[datetime]:
        """Return the first of some slots, as many as may be listed."""
        taken = list(slots[: min(LISTED_SLOTS, self._to_list)])
        self._to_list -= len(taken)
        return taken

    def fire_times(
        self, expression: str, timezone: str, after: datetime, until: datetime
    ) -> tuple[datetime, ...] | None:
        """Return the times at which a schedule fires; None where too many others were computed before."""
        key = (expression, timezone, after)
        if key not in self._known:
            if self._to_compute <= 0:
                return None
            times = takewhile(lambda time: time <= until, schedule.fire_times(expression, timezone, after))
            self._known[key] = tuple(times)
            self._to_compute -= len(self._known[key])
        return self._known[key]


def _settings(job: Job) -> dict[str, Any]:
    return job.settings.model_dump(mode="json")


@cache
def _defaults() -> dict[str, Any]:
    return JobSettings.known(name="", command="").model_dump(mode="json")
