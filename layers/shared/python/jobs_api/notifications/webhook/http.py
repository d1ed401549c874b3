"""Sends a webhook to a host that a user chose, in such a way that it cannot reach anything inside the network.

Only https, with a verified certificate. The name is resolved once, each of its addresses must be public, and the
connection goes to one of the checked addresses: a later change of the name has no effect. Redirects and proxies are
not followed. A receiver has ten seconds in all, however slowly it answers.
"""

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.client import HTTPException
from typing import Final
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from jobs_api.model.webhook_url import Address, is_allowed
from jobs_api.notifications import backoff
from jobs_api.notifications.webhook.deadline import Deadline
from jobs_api.notifications.webhook.receiver_addresses import (
    NO_PUBLIC_ADDRESS,
    Refused,
    Resolve,
    public_addresses,
    resolved,
)

TIMEOUT_SECONDS: Final = 10.0
LEAST_WAIT_SECONDS: Final = 0.001
# The user agent, unless the job's own headers have one.
USER_AGENT: Final = "jobs-api-webhooks/1"
# How much of an answer is read, for the result of a test.
RECEIVER_ANSWER_BYTES: Final = 1024


class Unreachable(Exception):
    """There was no answer: no such name, no connection, no valid certificate, or too late."""


@dataclass(frozen=True)
class Answer:
    """The answer of a receiver; `text` is the beginning of its body."""

    status: int
    text: str
    retry_after: timedelta | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver accepted the webhook."""
        return 200 <= self.status < 300


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    resolve: Resolve = resolved,
    timeout_seconds: float | None = None,
) -> Answer:
    """Send a webhook and return the answer, whatever its status; by default within ten seconds.

    Raises:
        Refused: no webhook may be sent to this URL.
        LeadsInside: the host has an address that is not public, and the operator has not allowed the host.
        Unreachable: no answer came.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host:
        raise Refused("only https URLs are sent to")
    seconds = TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
    try:
        with _deadline(seconds) as deadline:
            addresses = public_addresses(host, parts.port or 443, resolve, deadline)
            return _send(addresses, parts, body, headers, deadline)
    except (HTTPError, HTTPException, OSError, UnicodeError) as error:
        raise Unreachable(_failure_in_words(error, seconds)) from error


@contextmanager
def _deadline(seconds: float) -> Iterator[Deadline]:
    deadline = Deadline(seconds)
    try:
        yield deadline
    except (HTTPError, HTTPException, OSError) as error:
        if deadline.passed.is_set():
            raise TimeoutError from error
        raise
    finally:
        deadline.release()


def _send(
    addresses: list[Address], parts: SplitResult, body: bytes, headers: Mapping[str, str], deadline: Deadline
) -> Answer:
    """Try the addresses in turn until one accepts the connection; a webhook is never sent to a second address.

    Each has an equal share of the time that is left, so that dead ones leave some for a working one.
    """
    failure: Exception = OSError("the name has no address")
    for tried, address in enumerate(addresses):
        share = deadline.left / (len(addresses) - tried)
        if not share:
            raise TimeoutError from failure
        with closing(_Connection(address, parts, deadline, share)) as connection:
            try:
                connection.connect()
            except (HTTPError, OSError) as error:
                failure = error
                continue
            return _exchange(connection, parts, body, headers, deadline)
    raise failure


class _Connection(HTTPSConnection):
    """A connection to one address, for the host that has this address; it is made within some seconds or not at all."""

    def __init__(self, address: Address, parts: SplitResult, deadline: Deadline, seconds: float) -> None:
        name = (parts.hostname or "").rstrip(".")
        super().__init__(
            str(address),
            parts.port or 443,
            timeout=seconds,
            server_hostname=name,
            ssl_context=_tls(os.environ.get("WEBHOOK_CA_FILE") if is_allowed(name, parts.port) else None),
        )
        self.deadline_of = deadline

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # For the answer too; urllib3 sets this as the socket's timeout again. One of 0 would not wait at all.
        self.timeout = max(self.deadline_of.left, LEAST_WAIT_SECONDS)
        sock.settimeout(self.timeout)
        self.deadline_of.guard(sock)
        return sock


def _exchange(
    connection: _Connection, parts: SplitResult, body: bytes, headers: Mapping[str, str], deadline: Deadline
) -> Answer:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = {name.lower() for name in headers}
    ours = {"Host": parts.netloc} if "user-agent" in named else {"Host": parts.netloc, "User-Agent": USER_AGENT}
    connection.request("POST", path, body, {**headers, **ours}, preload_content=False, decode_content=False)
    response = connection.getresponse()
    try:
        if deadline.passed.is_set():
            # The connection was closed among the headers, which http.client reads as their end.
            raise TimeoutError
        retry_after = backoff.asked_for(response.headers.get("Retry-After"), datetime.now(UTC))
        return Answer(response.status, _beginning(response), retry_after)
    finally:
        response.close()


def _beginning(response: BaseHTTPResponse) -> str:
    """Return the beginning of the body. The status is known by then, even if the rest does not arrive."""
    try:
        return response.read(RECEIVER_ANSWER_BYTES, decode_content=False).decode("utf-8", "replace")
    except (HTTPError, HTTPException, OSError):
        return ""


@lru_cache(maxsize=4)
def _tls(extra_authorities: str | None) -> ssl.SSLContext:
    """Return the context that verifies certificates; hosts that the operator allowed may have another authority."""
    context = ssl.create_default_context()
    if extra_authorities:
        context.load_verify_locations(cafile=extra_authorities)
        # A company's own authority often lacks the identifiers of RFC 5280, which Python asks for since 3.13.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _failure_in_words(error: Exception, timeout_seconds: float) -> str:
    """Say in a sentence why no answer came."""
    reason = error.__cause__ or error
    if isinstance(error, TimeoutError) or isinstance(reason, TimeoutError):
        return f"no answer within {timeout_seconds:g} seconds"
    if isinstance(reason, socket.gaierror):
        return NO_PUBLIC_ADDRESS
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {reason.verify_message}"
    if isinstance(reason, ssl.SSLError):
        return f"TLS failed: {reason.reason or 'the connection was closed'}"
    if isinstance(reason, ConnectionRefusedError):
        return "the connection was refused"
    return f"the connection failed or was closed early ({type(reason).__name__})"
