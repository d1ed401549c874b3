"""The results of each model, test, seed, snapshot and source of a run."""

from enum import StrEnum

from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record, Timestamp


class NodeOutcome(StrEnum):
    """How a node ended. `failed`: a test or an audit found something; `error`: the node could not be run or built."""

    SUCCESS = "success"
    WARN = "warn"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


class NodeResult(Document):
    """The result of one node; fields that the log does not surely give are absent.

    `seconds` is how long it took. `rows` are the rows that it wrote, as the warehouse said; of a test, those that
    failed.
    """

    model_config = COMPILED_LATE

    name: str
    unique_id: Absent[str] = None
    resource_type: str
    status: NodeOutcome
    seconds: Absent[float] = None
    rows: Absent[int] = None
    started_at: Absent[Timestamp] = None
    message: Absent[str] = None


class ResultCounts(Document):
    """How many nodes of a run ended in each way."""

    success: int = 0
    warn: int = 0
    failed: int = 0
    error: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """Return how many nodes there are."""
        return self.success + self.warn + self.failed + self.error + self.skipped


class RunResults(Record):
    """The results of a run in the order in which its nodes ended.

    `complete`: the log itself says that there were no others. Otherwise it was cut, or the run was ended from outside.
    """

    results: list[NodeResult]
    counts: ResultCounts
    complete: bool
