"""The request that makes a project's jobs match a list, and its answer."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field

from jobs_api.errors import Fault, InvalidRequest, PayloadTooLarge
from jobs_api.model.answer_size import ANSWER_BYTES
from jobs_api.model.document import COMPILED_LATE, Absent, Document, Timestamp
from jobs_api.model.job_history import FieldChange
from jobs_api.model.project import MOST_JOBS

# An answer is kept for its Idempotency-Key in an item of at most 400 KB, compressed; not every text compresses well.
PLAN_KEPT_BYTES: Final = 300_000
_ENTRY: Final = re.compile(r"\Ajobs\.(\d+)")


class ApplyRequest(Document):
    """The jobs that a project is to have; each is the fields of a job and may have an `id`, to be renamed.

    With `plan_id`, the list is applied only if its plan is still that one.
    """

    model_config = COMPILED_LATE

    jobs: Annotated[list[dict[str, Any]], Field(max_length=MOST_JOBS)]
    prune: Annotated[bool, Field(strict=True)] = False
    plan_id: Absent[Annotated[str, Field(strict=True, min_length=1, max_length=64)]] = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a request; raises InvalidRequest, whose faults name an entry as those of its fields do: `jobs[2]`."""
        try:
            return cls.checked(document)
        except InvalidRequest as invalid:
            named = [Fault(_ENTRY.sub(r"jobs[\1]", fault.field), fault.message) for fault in invalid.faults]
            raise InvalidRequest(named) from invalid


class PlanAction(StrEnum):
    """The kind of a planned change of a job."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NONE = "none"


class SlotChanges(Document):
    """The slots of the next 24 hours that a change adds and takes away; the totals also count those not listed."""

    model_config = COMPILED_LATE

    gained: list[Timestamp]
    lost: list[Timestamp]
    gained_total: int
    lost_total: int


class PlannedChange(Document):
    """The planned change of one job.

    `job_id` is absent while the job does not exist. `applied` is whether it was written, absent in a plan.
    `webhook_secret` is the signing secret of a webhook that the change made, shown only once.
    """

    model_config = COMPILED_LATE

    action: PlanAction
    name: str
    job_id: Absent[str] = None
    fields: Absent[dict[str, FieldChange]] = None
    slots: Absent[SlotChanges] = None
    applied: Absent[bool] = None
    webhook_secret: Absent[str] = None


class ApplyAnswer(Document):
    """A plan, or what was done of it. `plan_id` and `remaining` are of the changes that are not written.

    `unlisted` are jobs of the project that are not in the list and stay.
    `slots_uncounted` are changes whose slots were not computed, because those of the others were too many.
    """

    model_config = COMPILED_LATE

    plan_id: str
    remaining: int
    unlisted: Absent[int] = None
    slots_uncounted: Absent[int] = None
    changes: list[PlannedChange]

    def json_to_keep(self) -> str:
        """Return the JSON of what was done, for a key to be kept with; a long one is without what the plan had said."""
        text = self.model_dump_json()
        if len(text.encode()) <= PLAN_KEPT_BYTES:
            return text
        changes = [change.model_copy(update={"fields": None, "slots": None}) for change in self.changes]
        return self.model_copy(update={"changes": changes}).model_dump_json()

    def json_that_fits(self) -> str:
        """Return its JSON; raises PayloadTooLarge if that is more than an answer may have."""
        text = self.model_dump_json()
        if len(json.dumps(text)) > ANSWER_BYTES:
            raise PayloadTooLarge("The plan is larger than an answer may be; apply fewer jobs in one request")
        return text
