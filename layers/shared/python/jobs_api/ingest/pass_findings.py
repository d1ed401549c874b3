"""The findings of one pass over an organization so far: its open runs, the Jobs it has seen, and which runs have ended.

The steps of a pass share these facts, and its threads add to them. They end with the pass.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from jobs_api.k8s import run_identity
from jobs_api.k8s.json_fields import Object, moment
from jobs_api.k8s.observed import Observed
from jobs_api.model.run import Run


@dataclass
class PassFindings:
    """The facts of a pass that began at `began_at`."""

    began_at: datetime
    # The runs that were open before the Jobs were listed, as an index has them: their Jobs are not read one by one.
    open: dict[str, Run] = field(default_factory=dict)
    # The runs whose end is to be counted for the jobs that run after theirs.
    followed: list[Run] = field(default_factory=list)
    # The runs whose Jobs were listed.
    with_job: set[str] = field(default_factory=set)
    # Runs that ended in this pass.
    ended: set[str] = field(default_factory=set)
    # The jobs with a Job that could not be ingested.
    unsure: set[str] = field(default_factory=set)
    # Whether a Job is too new for its run to be written, and whether one is labelled as settled although it is not.
    met_new: bool = False
    met_wrong_label: bool = False
    # For each job the slots that have Jobs, and when each of these Jobs was made.
    jobs_made_at: defaultdict[str, dict[datetime, datetime]] = field(default_factory=lambda: defaultdict(dict))
    _open_of_job: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, unfinished: Iterable[Run], began_at: datetime) -> Self:
        """Return what is known before the Jobs are listed: the runs that are open, or whose end is to be counted."""
        found = cls(began_at)
        for run in unfinished:
            if run.status.ended:
                found.followed.append(run)
            else:
                found.open[run.id] = run
                found._open_of_job[run.job_id].append(run)
        return found

    def record_job(self, job: Object, now: datetime) -> None:
        """Note that a Job is in the cluster, and for which slot."""
        self.with_job.add(run_identity.run_id_of(job))
        if slot := run_identity.slot_of(job):
            made_at = moment(job["metadata"]["creationTimestamp"])
            self.jobs_made_at[run_identity.job_id_of(job)][slot] = made_at or now

    def record_too_new(self, seen: Observed) -> None:
        """Note a Job whose run cannot be written yet. Nor is its slot settled: the Job may be gone before that."""
        self.unsure.add(seen.job_id)
        self.met_new = True

    def record_written(self, run: Run) -> None:
        """Note a run that was written, as it is now."""
        if run.status.ended:
            self.ended.add(run.id)
            self.followed += [run] if run.followers_left else []

    def is_settled(self, seen: Observed, run: Run | None) -> bool:
        """Return whether a Job is settled, and the slot that it was made for too; `run` is as it was before."""
        if seen.job_id in self.unsure or (seen.slot and seen.slot > self.began_at):
            return False
        return seen.finished and (seen.run_id in self.ended or bool(run and run.status.ended))

    def still_open(self, job_id: str) -> Iterator[Run]:
        """Yield the runs of a job that are open, as far as this pass knows."""
        return (run for run in self._open_of_job.get(job_id, ()) if run.id not in self.ended)

    def ended_of(self, job_id: str) -> list[str]:
        """Return the ids of a job's runs that have ended in this pass."""
        return [run.id for run in self._open_of_job.get(job_id, ()) if run.id in self.ended]
