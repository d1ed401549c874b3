"""Does a step of a pass for many runs at once. A failure for one of them stops no other."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from jobs_api.ingest.pass_findings import PassFindings
from jobs_api.ingest.run_writing import RunWriter
from jobs_api.k8s import run_identity
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import Observed
from jobs_api.model.run import Run

logger = Logger()


@dataclass(frozen=True)
class RunWork:
    """Something to do for one run, which returns whether anything was written, and its name for the log."""

    do: Callable[[], bool]
    job_id: str
    subject: str

    @classmethod
    def for_run(cls, do: Callable[[Run], bool], run: Run) -> "RunWork":
        """Return work for a run."""
        return cls(lambda: do(run), run.job_id, run.id)

    @classmethod
    def for_job(
        cls, do: Callable[[Object, Observed, Run | None], bool], job: Object, seen: Observed, run: Run | None
    ) -> "RunWork":
        """Return work for a Job and its run, if that is written already."""
        return cls(lambda: do(job, seen, run), run_identity.job_id_of(job), job["metadata"]["name"])


@dataclass
class RunWorkers:
    """Does the work of one pass; `written` and `failed` count for how many runs."""

    organization_id: str
    findings: PassFindings
    writer: RunWriter
    written: int = 0
    failed: int = 0

    def do(self, pool: Executor, works: Iterable[RunWork]) -> None:
        """Do all of it, and then send the notifications."""
        results = list(pool.map(self._do_work, works))
        self.written += results.count(True)
        self.failed += results.count(None)
        self.writer.notify()

    def _do_work(self, work: RunWork) -> bool | None:
        """Do one run's work; return whether anything was written, None where it failed."""
        try:
            return work.do()
        except Exception:
            logger.exception(
                "a run was not ingested",
                organization_id=self.organization_id,
                job_id=work.job_id,
                subject=work.subject,
            )
            self.findings.unsure.add(work.job_id)
            return None
