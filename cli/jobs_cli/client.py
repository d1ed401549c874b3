"""Calls of the API: one JSON answer each, asked for again where that is safe, with errors in the API's own words."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jobs_cli import VERSION
from jobs_cli.configuration import BASE_PATH, Configuration
from jobs_cli.errors import CommandFailed, NotOffered, Unreachable

if TYPE_CHECKING:
    import ssl

    import httpx
from jobs_cli.answers import (
    NO_ROUTE,
    Answer,
    delay_before,
    error_of,
    finds_nothing,
    is_permanent,
    json_of,
    may_be_asked_again,
    refused,
)

PATIENCE_SECONDS: Final = 15.0
# API Gateway ends a request after 29 seconds.
ANSWER_SECONDS: Final = 35.0


class Api:
    """One server, asked with one token; keeps its connection open between calls."""

    def __init__(
        self,
        configuration: Configuration,
        sleep: Callable[[float], None] = time.sleep,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        # httpx brings a command line of its own, which imports rich and pygments, and takes longer than all of ours.
        # None makes its import fail, which httpx expects of an installation without it.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        import httpx  # noqa: PLC0415 - `jobs-api --help` does without it

        self.configuration = configuration
        self._sleep = sleep
        self._patience = patience
        try:
            self._http = httpx.Client(
                base_url=configuration.url + BASE_PATH,
                headers={
                    "Authorization": f"Bearer {configuration.token}",
                    "Accept": "application/json",
                    "User-Agent": f"jobs-cli/{VERSION}",
                },
                verify=_authorities(configuration.url),
                timeout=httpx.Timeout(answer_seconds, connect=min(answer_seconds, 10)),
            )
        except (OSError, ValueError, ImportError) as error:
            raise CommandFailed(
                f"The proxy or certificate variables of the environment do not work: {error}"
            ) from error

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, *path: str, patience: float | None = None, **query: Any) -> Answer:
        """Return an answer of `GET`; path segments are quoted here, and parameters that are None left out."""
        return self._call("GET", path, query=query, patience=patience)

    def post(self, *path: str, body: Any = None, query: Answer | None = None) -> Answer:
        """`POST` with an idempotency key, so that asking again after a lost answer does nothing twice."""
        import uuid  # noqa: PLC0415 - most calls only read

        return self._call("POST", path, query=query, body=body or {}, key=str(uuid.uuid4()))

    def put(self, *path: str, body: Any) -> Answer:
        """`PUT`, which may be repeated as it is."""
        return self._call("PUT", path, body=body)

    def delete(self, *path: str) -> Answer:
        """`DELETE`, which may be repeated as it is; if a repeated one finds nothing, the one before did it."""
        return self._call("DELETE", path)

    def pages(
        self, *path: str, items: str, limit: int | None = None, page: int = 500, **query: Any
    ) -> Iterator[Answer]:
        """Yield what a list holds, page after page of so many, `limit` of them at most."""
        remaining = limit
        cursor = None
        while remaining is None or remaining > 0:
            answer = self.get(*path, limit=min(remaining or page, page), cursor=cursor, **query)
            found = answer.get(items, [])[:remaining]
            yield from found
            remaining = None if remaining is None else remaining - len(found)
            cursor = answer.get("next_cursor")
            if not cursor:
                return

    def _call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Answer | None = None,
        body: Any = None,
        key: str | None = None,
        patience: float | None = None,
    ) -> Answer:
        try:
            request = self._http.build_request(
                method,
                "/" + "/".join(quote(part, safe="") for part in path),
                params={name: _as_text(value) for name, value in (query or {}).items() if value is not None},
                json=body,
                headers={"Idempotency-Key": key} if key else None,
            )
        except UnicodeEncodeError as error:
            # The text itself may be a secret.
            raise CommandFailed("An argument, or a variable of the environment that is sent, is not UTF-8") from error
        return self._read(self._send(request, self._patience if patience is None else patience), path)

    def _send(self, request: "httpx.Request", patience: float) -> "httpx.Response":
        """Send a request until it is answered, for about `patience` seconds.

        Raises:
            Unreachable: there was no answer in this time.
        """
        import httpx  # noqa: PLC0415

        started = time.monotonic()
        attempt = 0
        lost = False
        while True:
            response: httpx.Response | None = None
            try:
                response = self._http.send(request)
                if lost and finds_nothing(request, response):
                    return httpx.Response(200, json={"message": "Deleted by a request whose answer was lost"})
                if not may_be_asked_again(request, response):
                    return response
                reason = f"answered {response.status_code}"
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                if is_permanent(error):
                    raise Unreachable(f"{self.configuration.url}: {reason}") from error
            # A request that was refused with 429 did nothing, so it can be repeated.
            lost = lost or response is None or response.status_code != 429
            delay = delay_before(attempt, response)
            attempt += 1
            if time.monotonic() + delay - started > patience:
                return self._give_up(response, reason)
            if attempt == 1:
                sys.stderr.write(f"jobs: {self.configuration.url}: {reason}; trying again\n")
            self._sleep(delay)

    def _give_up(self, response: "httpx.Response | None", reason: str) -> "httpx.Response":
        if response is not None and response.status_code == 429:
            raise Unreachable(f"{self.configuration.url} gets too many requests at the moment; try again later")
        if response is not None and error_of(response):
            return response
        raise Unreachable(f"{self.configuration.url} cannot be reached: {reason}. {_question()}")

    def _read(self, response: "httpx.Response", path: tuple[str, ...]) -> Answer:
        if response.is_success:
            content = json_of(response)
            if isinstance(content, dict):
                return content
        error = error_of(response)
        if error and error.get("message", "").startswith(NO_ROUTE):
            raise NotOffered(
                f"{self.configuration.url} does not know /{'/'.join(path)}: it is older than this version of jobs"
            )
        if error:
            raise refused(response.status_code, error, self.configuration.url)
        if response.is_redirect:
            raise CommandFailed(
                f"{self.configuration.url} leads to {response.headers.get('Location')}; if that is right, log in there"
            )
        raise CommandFailed(
            f"{self.configuration.url} answered {response.status_code} without the JSON of a Jobs API. "
            "Is JOBS_API_URL right?"
        )


def _authorities(url: str) -> "ssl.SSLContext | bool":
    """Return whose certificates are accepted: those of the usual authorities, or nobody's where no TLS is spoken.

    To read the usual ones takes a tenth of the time of `jobs-api list`.
    """
    import ssl  # noqa: PLC0415 - httpx needs it anyway
    from urllib.request import getproxies  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    if url.startswith("http://") and not getproxies():
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        return True
    named = httpx.create_ssl_context()
    # A company's own authority often lacks the identifiers of RFC 5280, which Python asks for since 3.13.
    named.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return named


def _question() -> str:
    """Return what a person may look at if there is no answer."""
    from urllib.request import getproxies  # noqa: PLC0415

    proxies = ", ".join(f"{name.upper()}_PROXY" for name in sorted(getproxies()) if name != "no")
    return f"Are JOBS_API_URL and {proxies} right?" if proxies else "Is JOBS_API_URL right?"


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
