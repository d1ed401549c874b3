"""The rows of the organizations table: organizations and their tokens."""

import os

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from jobs_api.store.attributes import DocumentAttribute, MomentAttribute
from jobs_api.store.rows import REGION, Row, share_connection

# The partition of all organizations, and the prefix of the partition of a token.
ALL = "organizations"
TOKEN_KEY = "token#"  # noqa: S105 - a key's prefix


class OrganizationsRow(Row):
    """Anything in the organizations table.

    An organization is (`organizations`, id), so that one Query lists them all; a token is (`token#<id>`, `meta`), so
    that the authorizer finds it alone, with a pointer (`<organization>`, `token#<id>`) to list an organization's own.
    """

    class Meta:
        table_name = os.environ["ORGANIZATIONS_TABLE"]
        region = REGION

    partition = UnicodeAttribute(hash_key=True, attr_name="pk")
    sort = UnicodeAttribute(range_key=True, attr_name="sk")
    kind = DiscriminatorAttribute()


class OrganizationRow(OrganizationsRow, discriminator="organization"):
    """An organization."""

    name = UnicodeAttribute()
    cluster = UnicodeAttribute(null=True)
    created_at = MomentAttribute()
    usage_key = DocumentAttribute(null=True)
    outages = DocumentAttribute(null=True)
    cluster_since = MomentAttribute(null=True)
    leaving_at = MomentAttribute(null=True)
    cleared_at = MomentAttribute(null=True)
    closed = BooleanAttribute(null=True)
    retired_at = MomentAttribute(null=True)
    marked_at = MomentAttribute(null=True)
    settled_jobs_checked_at = MomentAttribute(null=True)
    held_removals = DocumentAttribute(null=True)
    removal_confirmation = DocumentAttribute(null=True)
    # The fields of `model.pulse.Pulse`, each an attribute of its own, because conditions compare them.
    pulse_generation = NumberAttribute(null=True)
    pass_began_at = MomentAttribute(null=True)
    pass_busy_until = MomentAttribute(null=True)
    pass_asked_at = MomentAttribute(null=True)
    pass_due_at = MomentAttribute(null=True)
    sync_due_at = MomentAttribute(null=True)


class TokenRow(OrganizationsRow, discriminator="token"):
    """A token, without its secret."""

    organization_id = UnicodeAttribute()
    role = UnicodeAttribute()
    secret_sha256 = UnicodeAttribute()
    description = UnicodeAttribute()
    created_at = MomentAttribute()
    expires_at = MomentAttribute(null=True)
    revoked_at = MomentAttribute(null=True)


class TokenPointerRow(OrganizationsRow, discriminator="token_pointer"):
    """A token of an organization."""


share_connection(OrganizationsRow)
