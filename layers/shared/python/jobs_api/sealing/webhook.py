"""The secrets of a job's webhook: sealed when written, opened to send or to change it."""

import json
import secrets
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Final

from jobs_api.aws import encryption
from jobs_api.model.job import Job
from jobs_api.model.sealed_webhook import SealedKey, SealedWebhook
from jobs_api.model.webhook_url import origin_of
from jobs_api.redaction.masking import MASK

# The specification of Standard Webhooks requires 24 to 64.
KEY_BYTES: Final = 32
# How long a replaced key also signs beside the new one.
OVERLAP: Final = timedelta(days=1)
# More rotations than this within a day drop the oldest key.
MOST_KEYS: Final = 4


def headers_of(job: Job) -> dict[str, str]:
    """Return the values of a job's extra headers."""
    return open_headers(job.webhook, job.organization_id, job.id)


def open_headers(webhook: SealedWebhook, organization_id: str, job_id: str) -> dict[str, str]:
    """Return the values of sealed headers. At most one call to KMS per 4 KiB."""
    if webhook.headers is None:
        return {}
    opened: dict[str, str] = json.loads(_unseal(webhook.headers, organization_id, job_id))
    return opened


def open_keys(webhook: SealedWebhook, organization_id: str, job_id: str, now: datetime) -> list[str]:
    """Return the keys that sign at this time, newest first. At most one call to KMS for each."""
    good = [key.sealed for key in webhook.keys if key.expires_at is None or key.expires_at > now]
    return [_unseal(sealed, organization_id, job_id) for sealed in good]


def key_of(job: Job, now: datetime) -> str | None:
    """Return a job's newest signing key; None where it has none."""
    return next(iter(open_keys(job.webhook, job.organization_id, job.id, now)), None)


def with_sealed_webhook(before: Job | None, after: Job) -> tuple[Job, str | None]:
    """Return the job as it may be stored, and the signing key if one was made, which its owner sees only now.

    A job gets a key with its webhook's URL, and loses both together. KMS is called only if a secret changes.
    """
    url, headers, webhook = after.settings.webhook_url, after.settings.webhook_headers, after.webhook
    if before is None or headers != before.settings.webhook_headers:
        sealed = _seal(json.dumps(headers), after) if headers else None
        webhook = webhook.model_copy(update={"headers": sealed})
    goes_to = origin_of(url) if url else before and before.headers_go_to
    key = None
    if url is None:
        webhook = webhook.model_copy(update={"keys": []})
    elif not webhook.keys:
        key = _new_key()
        webhook = webhook.model_copy(update={"keys": [SealedKey(sealed=_seal(key, after))]})
    masked = headers and dict.fromkeys(headers, MASK)
    settings = after.settings.model_copy(update={"webhook_headers": masked})
    update = {"settings": settings, "webhook": webhook, "headers_for": goes_to if headers else None}
    return after.model_copy(update=update), key


def rotated(job: Job, now: datetime) -> tuple[Job, str, datetime]:
    """Return the job with a new signing key, that key, and until when the old key also signs."""
    key, until = _new_key(), now + OVERLAP
    old = [
        known if known.expires_at else known.model_copy(update={"expires_at": until})
        for known in job.webhook.keys
        if known.expires_at is None or known.expires_at > now
    ]
    keys = [SealedKey(sealed=_seal(key, job)), *old][:MOST_KEYS]
    webhook = job.webhook.model_copy(update={"keys": keys})
    after = job.model_copy(update={"webhook": webhook, "version": job.version + 1, "updated_at": now})
    return after, key, until


def _new_key() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def _seal(secret: str, job: Job) -> str:
    return encryption.seal(secret, organization_id=job.organization_id, job_id=job.id)


def _unseal(sealed: str, organization_id: str, job_id: str) -> str:
    return encryption.unseal(sealed, organization_id=organization_id, job_id=job_id)
