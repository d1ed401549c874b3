"""Admits requests to the emulator over HTTP: those of programs that sign with the access key of `.local/env`.

The emulator checks
which key a request names, but not its signature. A web page does not know the key. A request with an `Origin`, or for
another host than this machine, is refused as well.
"""

import hmac
import re
import secrets
import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from local.loopback import is_loopback

REFUSED = b"Sign with the access key of .local/env (source that file); requests of web pages are refused.\n"
_EXPIRED = b"This link has expired.\n"
# Signature version 4, and the older versions 2 and 3.
_CREDENTIAL = re.compile(r"(?:Credential=|^AWS |AWSAccessKeyId=)([^/:,\s]+)")

# The access key alone admits a request, so this key is no secret.
SECRET_KEY = "local"  # noqa: S105 - see above
_LETTERS = string.ascii_uppercase + string.digits


def new_access_key() -> str:
    """Make a random access key of twenty characters, as AWS's keys have."""
    return "LOCAL" + "".join(secrets.choice(_LETTERS) for _ in range(15))


def refusal(headers: Mapping[str, str], query: str, access_key: str, now: datetime) -> bytes | None:
    """Return why a request is refused, None if it may pass; header names are in lower case."""
    if not is_of_here(headers):
        return REFUSED
    stated = dict(parse_qsl(query))
    if not hmac.compare_digest(_key(headers, stated).encode(), access_key.encode()):
        return REFUSED
    return _EXPIRED if _is_over(stated, now) else None


def is_of_here(headers: Mapping[str, str]) -> bool:
    """Return whether a request is no web page's, and is for this machine."""
    return "origin" not in headers and is_loopback(headers.get("host", ""))


def service_of(headers: Mapping[str, str], query: str) -> str:
    """Return the service that a request is signed for: `.../<region>/<service>/aws4_request`."""
    stated = dict(parse_qsl(query))
    if "AWSAccessKeyId" in stated or headers.get("authorization", "").startswith("AWS "):
        # The older signature, which only S3 accepts.
        return "s3"
    signed = headers.get("authorization", "") or stated.get("X-Amz-Credential", "")
    return signed.partition("/aws4_request")[0].rpartition("/")[2]


def _key(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the access key that a request names in its header or presigned link."""
    if signed := _CREDENTIAL.search(headers.get("authorization", "")):
        return str(signed[1])
    return query.get("X-Amz-Credential", "").partition("/")[0] or query.get("AWSAccessKeyId", "")


def _is_over(query: Mapping[str, str], now: datetime) -> bool:
    try:
        if "Expires" in query:
            return now.timestamp() > int(query["Expires"])
        if "X-Amz-Expires" not in query:
            return False
        signed = datetime.strptime(query.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return now > signed + timedelta(seconds=int(query["X-Amz-Expires"]))
    except (ValueError, OverflowError):
        return True
