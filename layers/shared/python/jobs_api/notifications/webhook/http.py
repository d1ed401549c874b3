"""Sends a webhook to a host that a user chose, in such a way that it cannot reach anything inside the network.

Only https, with a verified certificate. The name is resolved once, each of its addresses must be public, and the
connection goes to one of the checked addresses: a later change of the name has no effect. Redirects and proxies are
not followed. A receiver has ten seconds in all, however slowly it answers.
"""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.client import HTTPException
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from jobs_api.model.webhook_url import Address, is_allowed, is_public
from jobs_api.notifications import backoff

TIMEOUT_SECONDS: Final = 10.0
# The user agent, unless the job's own headers have one.
USER_AGENT: Final = "jobs-api-webhooks/1"
# How much of an answer is read, for the result of a test.
RECEIVER_ANSWER_BYTES: Final = 1024
# Limits each address, so that a name with many dead addresses cannot use up the time of a working one.
MOST_ADDRESSES: Final = 3
NO_PUBLIC_ADDRESS: Final = "the host name could not be resolved, or leads to a private, local or reserved address"

type Resolve = Callable[[str, int], list[Address]]


class Refused(Exception):
    """No webhook may be sent to this URL; trying again cannot help."""


class LeadsInside(Refused):
    """The host's name has an address that is not public. It is reported and tried again like a name without any.

    Otherwise the author of a job could find out which names exist inside the network, and their addresses.
    """

    def __init__(self) -> None:
        super().__init__(NO_PUBLIC_ADDRESS)


class Unreachable(Exception):
    """There was no answer: no such name, no connection, no valid certificate, or too late."""


@dataclass(frozen=True)
class Answer:
    """What a receiver answered; `text` is the beginning of its body."""

    status: int
    text: str
    retry_after: timedelta | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver accepted the webhook."""
        return 200 <= self.status < 300


def resolved(host: str, port: int) -> list[Address]:
    """Ask the system for a name's addresses, once; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope such as %eth0 is only for link-local addresses, which are refused in any case.
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


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
            addresses = _addresses(host, parts.port or 443, resolve, deadline)
            return _send(addresses, parts, body, headers, deadline)
    except (HTTPError, HTTPException, OSError, UnicodeError) as error:
        raise Unreachable(_said(error, seconds)) from error


class _Deadline:
    """Closes the open connection when the time is over: a socket's own timeout starts again with each byte."""

    def __init__(self, seconds: float) -> None:
        self.passed = threading.Event()
        self._open: socket.socket | None = None
        self._lock = threading.Lock()
        self.timer = threading.Timer(seconds, self._end)
        self.timer.daemon = True
        self.timer.start()

    def guard(self, sock: socket.socket) -> None:
        """Close this connection too, by a copy of its descriptor, since TLS takes over the original."""
        with self._lock:
            self.release_held()
            self._open = sock.dup()
        if self.passed.is_set():
            self._end()

    def release(self) -> None:
        self.timer.cancel()
        with self._lock:
            self.release_held()

    def release_held(self) -> None:
        if self._open:
            self._open.close()
            self._open = None

    def _end(self) -> None:
        self.passed.set()
        with self._lock, suppress(OSError):
            if self._open:
                self._open.shutdown(socket.SHUT_RDWR)


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline(seconds)
    try:
        yield deadline
    except (HTTPError, HTTPException, OSError) as error:
        if deadline.passed.is_set():
            raise TimeoutError from error
        raise
    finally:
        deadline.release()


def _addresses(host: str, port: int, resolve: Resolve, deadline: _Deadline) -> list[Address]:
    """Resolve a host within the deadline and check its addresses; one that is not public forbids the host."""
    addresses = _in_time(lambda: resolve(host, port), deadline)
    if not is_allowed(host, port) and not all(map(is_public, addresses)):
        raise LeadsInside
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return addresses[:MOST_ADDRESSES]


def _in_time(ask: Callable[[], list[Address]], deadline: _Deadline) -> list[Address]:
    """Resolve in a separate thread: the system's resolver has only its own timeout."""
    answers: list[list[Address] | OSError | UnicodeError] = []
    done = threading.Event()

    def run() -> None:
        try:
            answers.append(ask())
        except (OSError, UnicodeError) as error:
            answers.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="resolve", daemon=True).start()
    while not done.wait(0.05):
        if deadline.passed.is_set():
            raise TimeoutError
    answer = answers[0] if answers else OSError("the resolver failed")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _send(
    addresses: list[Address], parts: SplitResult, body: bytes, headers: Mapping[str, str], deadline: _Deadline
) -> Answer:
    """Try the addresses in turn until one accepts the connection; a webhook is never sent to a second address."""
    failure: Exception = OSError("the name has no address")
    for address in addresses:
        connection = _Connection(address, parts, deadline)
        try:
            try:
                connection.connect()
            except (HTTPError, OSError) as error:
                failure = error
                continue
            return _exchange(connection, parts, body, headers, deadline)
        finally:
            connection.close()
        if deadline.passed.is_set():
            break
    raise failure


class _Connection(HTTPSConnection):
    """A connection to one address, for the host that has this address."""

    def __init__(self, address: Address, parts: SplitResult, deadline: _Deadline) -> None:
        name = (parts.hostname or "").rstrip(".")
        super().__init__(
            str(address),
            parts.port or 443,
            timeout=TIMEOUT_SECONDS,
            server_hostname=name,
            ssl_context=_tls(os.environ.get("WEBHOOK_CA_FILE") if is_allowed(name, parts.port) else None),
        )
        self._deadline = deadline

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self._deadline.guard(sock)
        return sock


def _exchange(
    connection: _Connection, parts: SplitResult, body: bytes, headers: Mapping[str, str], deadline: _Deadline
) -> Answer:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    named = {name.lower() for name in headers}
    ours = {"Host": host} if "user-agent" in named else {"Host": host, "User-Agent": USER_AGENT}
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
    return context


def _said(error: Exception, timeout_seconds: float) -> str:
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
