"""The rows of the audit table: who wrote what, and the versions of jobs."""

import os
import zlib
from base64 import b64decode, b64encode
from typing import Any, Final

from pynamodb.attributes import DiscriminatorAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from jobs_api.store.attributes import DocumentAttribute, MomentAttribute
from jobs_api.store.rows import REGION, Row, share_connection

# The attributes that a list of entries shows. Versions of jobs can be large, and are read one job at a time.
LISTED = ["kind", "at", "token_id", "token_name", "action", "target", "project_id", "job_id", "run_id", "request_id"]


# No JSON text begins with this character.
PACKED: Final = "zlib:"
# Longer than the settings of nearly all jobs.
LONG: Final = 16 * 1024


class ByOrganization(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Entries of an organization by age, without the versions of jobs in them."""

    class Meta:
        index_name = "by_organization"
        projection = IncludeProjection(LISTED)

    organization_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class AuditRow(Row):
    """Anything in the audit table.

    `partition` is `<organization>/<target>`, and `sort` tells the writes on that target apart. DynamoDB removes a row
    some time after `expires_at`, in seconds since 1970.
    """

    class Meta:
        table_name = os.environ["AUDIT_TABLE"]
        region = REGION

    partition = UnicodeAttribute(hash_key=True, attr_name="pk")
    sort = UnicodeAttribute(range_key=True, attr_name="sk")
    kind = DiscriminatorAttribute()
    expires_at = NumberAttribute()
    by_organization = ByOrganization()


class EntryRow(AuditRow, discriminator="entry"):
    """A write. `position` orders the entries of an organization by age; no two have the same."""

    organization_id = UnicodeAttribute()
    position = UnicodeAttribute()
    at = MomentAttribute()
    token_id = UnicodeAttribute(null=True)
    token_name = UnicodeAttribute(null=True)
    action = UnicodeAttribute(null=True)
    target = UnicodeAttribute()
    project_id = UnicodeAttribute(null=True)
    job_id = UnicodeAttribute(null=True)
    run_id = UnicodeAttribute(null=True)
    request_id = UnicodeAttribute(null=True)


class PackedAttribute(DocumentAttribute):
    """A JSON document, packed if it is long.

    A version has the settings of a job twice: all of them, and those before the change. With control characters, which
    take six bytes each in JSON, both would not fit into an item.
    """

    def serialize(self, value: Any) -> str:
        """Return the value as the table has it."""
        text: str = super().serialize(value)
        return text if len(text) < LONG else PACKED + b64encode(zlib.compress(text.encode())).decode()

    def deserialize(self, value: str) -> Any:
        """Return the value from what the table has."""
        packed = value.startswith(PACKED)
        return super().deserialize(zlib.decompress(b64decode(value.removeprefix(PACKED))).decode() if packed else value)


class JobVersionRow(EntryRow, discriminator="job_version"):
    """A write that made a version of a job, or a version that was made before writes had entries.

    `settings` are those of the version, with masks for secrets; `before` has the fields in `changed` as they were in
    the version before. A version without an entry has no actor and no `changed` fields.
    """

    version = NumberAttribute()
    settings = PackedAttribute()
    before = PackedAttribute()
    changed = DocumentAttribute()


share_connection(AuditRow)
