"""GET /api/v1/audit-log: lists who wrote what in the organization, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.errors import Fault, InvalidRequest
from jobs_api.model.audit import AUDIT_KEPT_FOR, AuditLog
from jobs_api.model.document import Moment, rfc3339
from jobs_api.store import audit

app = Api(only_admins=True)


@app.get("/api/v1/audit-log")
def list_audit_log(
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    actor: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
) -> AuditLog:
    """List each write through the API and through jobsctl of the last 400 days, newest first.

    `from` is the earliest time that is listed, and `to` the first one that is not. `actor` is the id or the name of a
    token, or `jobsctl`. One request reads a bounded number of entries, so with `actor` a page may have fewer than
    `limit`, or none, and a `next_cursor` while more may match.
    """
    if since and until and since >= until:
        raise InvalidRequest([Fault("from", f"must be before to, which is {rfc3339(until)}")])
    organization_id = app.caller.organization_id
    earliest = app.now - AUDIT_KEPT_FOR
    query = {
        "audit_log_of": organization_id,
        "from": since.isoformat() if since else None,
        "to": until.isoformat() if until else None,
        "actor": actor,
    }
    key = cursors.organization_key(organization_id)
    entries, position = audit.list_entries(
        organization_id,
        since=max(since, earliest) if since else earliest,
        until=until,
        actor=actor,
        limit=limit,
        before=cursors.read(cursor, query, key) if cursor else None,
    )
    return AuditLog(entries=entries, next_cursor=cursors.sign(position, query, key) if position else None)


lambda_handler = app.resolve
