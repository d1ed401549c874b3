"""The rows of the deliveries table: deliveries, what channels remember, and receivers that are slow."""

import os
from typing import Any

from pynamodb.attributes import DiscriminatorAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from jobs_api.store.attributes import DocumentAttribute, MomentAttribute
from jobs_api.store.rows import REGION, Row, share_connection


class DeliveriesByJob(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Deliveries of a job by age."""

    class Meta:
        index_name = "by_job"
        projection = AllProjection()

    job_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class DeliveriesRow(Row):
    """Anything in the deliveries table; DynamoDB removes it some time after `expires_at`, in seconds since 1970."""

    class Meta:
        table_name = os.environ["DELIVERIES_TABLE"]
        region = REGION

    key = UnicodeAttribute(hash_key=True, attr_name="pk")
    kind = DiscriminatorAttribute()
    expires_at = NumberAttribute()
    by_job = DeliveriesByJob()


class DeliveryRow(DeliveriesRow, discriminator="delivery"):
    """A delivery, under its id. `position` orders those of a job by age."""

    job_id = UnicodeAttribute()
    position = UnicodeAttribute()
    organization_id = UnicodeAttribute()
    project_id = UnicodeAttribute()
    run_id = UnicodeAttribute()
    channel = UnicodeAttribute()
    event = UnicodeAttribute()
    status = UnicodeAttribute()
    attempts = NumberAttribute()
    status_code = NumberAttribute(null=True)
    error = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    folded_into = UnicodeAttribute(null=True)
    next_attempt_at = MomentAttribute(null=True)
    delivered_at = MomentAttribute(null=True)
    created_at = MomentAttribute()
    updated_at = MomentAttribute()
    run = DocumentAttribute(null=True)
    alerts = DocumentAttribute()
    notice = DocumentAttribute(null=True)
    claim = UnicodeAttribute(null=True)
    claimed_until = MomentAttribute(null=True)
    cut_off = NumberAttribute(null=True)
    give_up_at = MomentAttribute()


class ChannelMemoryRow(DeliveriesRow, discriminator="storms"):
    """The memory of a channel, under one of its keys; `version` counts the changes, from 1."""

    memory = DocumentAttribute(attr_name="storms")
    version = NumberAttribute()


class ReceiverRow(DeliveriesRow, discriminator="receiver"):
    """A receiver that is slow or down: until `free_at` nobody sends to it, and then one at a time."""

    failures = NumberAttribute()
    free_at = MomentAttribute()


share_connection(DeliveriesRow)
