"""Cursors: the position at which a page ended, signed together with its query, so that clients can forge neither."""

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Mapping

from jobs_api.errors import Fault, InvalidRequest

SIGNATURE_BYTES = 16


def organization_key(organization_id: str) -> str:
    """Return the key that signs cursors of lists that belong to no project; it differs for each deployment."""
    return f"{os.environ['SHARED_USAGE_KEY']}/cursors/{organization_id}"


def sign(position: str, query: Mapping[str, str | None], key: str) -> str:
    """Make the cursor for the page after `position` of this query."""
    return base64.urlsafe_b64encode(_signature(position, query, key) + position.encode()).decode().rstrip("=")


def read(cursor: str, query: Mapping[str, str | None], key: str) -> str:
    """Return the position in a cursor.

    Raises:
        InvalidRequest: the cursor was not made here, or it was made for another query.
    """
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        signature, position = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:].decode()
    except (binascii.Error, ValueError):
        signature, position = b"", ""
    if not position or not hmac.compare_digest(signature, _signature(position, query, key)):
        fault = Fault("cursor", "is not a cursor of this query; send next_cursor unchanged, with the same filters")
        raise InvalidRequest([fault])
    return position


def _signature(position: str, query: Mapping[str, str | None], key: str) -> bytes:
    said = {name: value for name, value in query.items() if value is not None}
    message = json.dumps([position, said], sort_keys=True).encode()
    return hmac.digest(key.encode(), message, hashlib.sha256)[:SIGNATURE_BYTES]
