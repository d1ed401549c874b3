"""Deliveries in the table: made once, claimed by one sender at a time, listed newest first."""

from datetime import datetime, timedelta

from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from jobs_api.errors import ChangedMeanwhile, DeliveryNotFound
from jobs_api.ids import new_id
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.audit import StoredEntry
from jobs_api.model.delivery import DELIVERY_KEPT_FOR, Delivery, DeliveryStatus
from jobs_api.model.run import Run
from jobs_api.store import audit
from jobs_api.store.attributes import time_text
from jobs_api.store.conditions import was_refused
from jobs_api.store.delivery_rows import DeliveriesRow, DeliveryRow
from jobs_api.store.pages import Listing
from jobs_api.store.projects import ID
from jobs_api.store.transactions import ConditionFailed

# Stored in another form than the model's.
_OTHERWISE = frozenset({"id", "alerts", "run"})
_AS_THEY_ARE = tuple(name for name in Delivery.model_fields if name not in _OTHERWISE)
# The attributes that change after a delivery is created.
_CHANGING = (
    *("status", "attempts", "status_code", "error", "reason", "folded_into", "next_attempt_at", "delivered_at"),
    *("alerts", "notice", "claim", "claimed_until", "cut_off", "give_up_at", "expires_at"),
)


def find(delivery_id: str) -> Delivery | None:
    """Return a delivery, or None. One GetItem."""
    try:
        row = DeliveryRow.get(delivery_id, consistent_read=True)
    except DeliveryRow.DoesNotExist:
        return None
    return _delivery_of(row)


def get(organization_id: str, job_id: str, delivery_id: str) -> Delivery:
    """Return a delivery of a job; raises DeliveryNotFound. One GetItem."""
    found = find(delivery_id) if ID.fullmatch(delivery_id) else None
    if found is None or (found.organization_id, found.job_id) != (organization_id, job_id):
        raise DeliveryNotFound(delivery_id)
    return found


def page(
    organization_id: str, job_id: str, *, status: DeliveryStatus | None, limit: int, before: str | None
) -> tuple[list[Delivery], str | None]:
    """Return up to `limit` of a job's deliveries, newest first, older than `before`; and the position to continue from.

    It makes at most `pages.QUERIES` Queries, so a page may have fewer than `limit`, or none, and yet not be the last.
    """
    condition: Condition = DeliveryRow.organization_id == organization_id
    if status:
        condition &= DeliveryRow.status == status.value
    within = DeliveryRow.position < before if before else None
    listing = Listing(DeliveriesRow.by_job, DeliveryRow, job_id, within, condition, selective=bool(status))
    rows, position = listing.page(limit)
    return [_delivery_of(row) for row in rows], position


def create(delivery: Delivery) -> bool:
    """Write a new delivery; return False, and write nothing, if it exists already. One PutItem."""
    try:
        row_of_delivery(delivery).save(condition=DeliveryRow.key.does_not_exist())
    except PutError as error:
        if not was_refused(error):
            raise
        return False
    return True


def claimed(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery:
    """Return a delivery with a claim on it, to be written by `create` or `claim`."""
    return delivery.model_copy(
        update={
            "status": DeliveryStatus.SENDING,
            "attempts": delivery.attempts + 1,
            "claim": new_id(),
            "claimed_until": now + lease,
            "cut_off": delivery.cut_off + 1 if delivery.status is DeliveryStatus.SENDING else 0,
            "next_attempt_at": None,
            "reason": None,
            "updated_at": now,
        }
    )


def claim(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery | None:
    """Claim a delivery that is due, or whose sender died; return None if another sender has it, or it has ended.

    One UpdateItem. Of all senders that try, one gets the claim.
    """
    mine = claimed(delivery, now, lease)
    due = (DeliveryRow.status == DeliveryStatus.PENDING.value) & (DeliveryRow.next_attempt_at <= now)
    cut_off = (DeliveryRow.status == DeliveryStatus.SENDING.value) & (DeliveryRow.claimed_until <= now)
    same = DeliveryRow.updated_at == delivery.updated_at
    return mine if _update(delivery, mine, same & (due | cut_off)) else None


def record_result(claimed: Delivery, after: Delivery) -> bool:
    """Write the result of a claimed delivery; False if the claim expired and another sender has it. One UpdateItem."""
    ended = after.model_copy(update={"claim": None, "claimed_until": None, "cut_off": 0})
    return _update(claimed, ended, DeliveryRow.claim == claimed.claim)


def change(before: Delivery, after: Delivery, entry: StoredEntry | None = None) -> bool:
    """Replace a delivery that nobody is sending; False if somebody else has changed it.

    One UpdateItem; for a request, one transaction with the entry of the audit log.
    """
    same = (DeliveryRow.updated_at == before.updated_at) & (DeliveryRow.status == before.status.value)
    if entry is None:
        return _update(before, after, same)
    row, actions = row_of_delivery(after), _changes(before, after)
    try:
        audit.write_with(entry, lambda transaction: transaction.update(row, actions=actions, condition=same))
    except (ConditionFailed, ChangedMeanwhile):
        return False
    return True


def delivery_expiry(now: datetime) -> int:
    """Return when a row that is written now expires, in seconds since 1970."""
    return int((now + DELIVERY_KEPT_FOR).timestamp())


def _update(before: Delivery, after: Delivery, condition: Condition) -> bool:
    """Write when it changed and what differs, on a condition that fails where `before` is no longer what is stored."""
    try:
        row_of_delivery(after).update(actions=_changes(before, after), condition=condition)
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def _changes(before: Delivery, after: Delivery) -> list[Action]:
    """Return the updates of when it changed and of what differs."""
    old, new = row_of_delivery(before), row_of_delivery(after)
    differing = ["updated_at", *(name for name in _CHANGING if getattr(old, name) != getattr(new, name))]
    values = [(getattr(DeliveryRow, name), getattr(new, name)) for name in differing]
    return [name.remove() if value is None else name.set(value) for name, value in values]


def row_of_delivery(delivery: Delivery) -> DeliveryRow:
    """Return a delivery as it is stored."""
    values = {name: getattr(delivery, name) for name in _AS_THEY_ARE}
    return DeliveryRow(
        delivery.id,
        position=f"{time_text(delivery.created_at)}#{delivery.id}",
        alerts=delivery.alerts.model_dump(mode="json"),
        run=delivery.run.model_dump(mode="json") if delivery.run else None,
        expires_at=delivery_expiry(delivery.updated_at),
        **values,
    )


def _delivery_of(row: DeliveryRow) -> Delivery:
    values = row.values(_AS_THEY_ARE)
    values["event"], values["status"] = Event(values["event"]), DeliveryStatus(values["status"])
    values["attempts"] = int(values["attempts"])
    values["cut_off"] = int(values["cut_off"] or 0)
    values["status_code"] = None if values["status_code"] is None else int(values["status_code"])
    values["alerts"] = RunAlerts.model_validate(row.alerts)
    values["run"] = Run.model_validate(row.run) if row.run else None
    return Delivery.known(id=row.key, **values)
