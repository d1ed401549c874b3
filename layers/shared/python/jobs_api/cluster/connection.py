"""HTTP to one cluster: a pool of connections, short timeouts, a bearer token, and one error for each situation."""

import json
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from jobs_api.cluster.errors import UNAUTHORIZED, refusal
from jobs_api.cluster.lazy_client import rest
from jobs_api.errors import ClusterUnavailable

CONNECTIONS: Final = 16
# In seconds. Connecting and reading, each tried twice, take less than the 25 seconds of a function.
TIMEOUT: Final = urllib3.Timeout(connect=2, read=8)
# The second try is for a connection that the cluster closed while it was idle. It is safe for a POST too: a created
# object has a name, and creating it twice is AlreadyExists.
RETRIES: Final = urllib3.Retry(total=1, redirect=0, status=0, allowed_methods=None)
ONCE: Final = urllib3.Retry(total=0, redirect=0, status=0, allowed_methods=None)
# For a caller that asks again soon by itself.
BRIEF: Final = urllib3.Timeout(connect=2, read=4)

JSON: Final = "application/json, */*"


class Credentials(Protocol):
    """Identifies this service to a cluster; read for each request, from many threads."""

    def authorization(self) -> str | None:
        """Return the value of the Authorization header, None where a client certificate identifies the service."""

    def renew(self) -> None:
        """Drop what the cluster did not accept, so that the next request has something new."""


class Connection:
    """Requests to one cluster; threads may share it."""

    def __init__(
        self,
        configuration: Any,
        credentials: Credentials,
        lost: Callable[[], None] = lambda: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the client's Configuration for address and proxy, and `tls` for certificates.

        `lost` is called where the address does not answer, or something other than the cluster answers there.
        """
        # Configuration reads proxies from the environment, but not the hosts without a proxy.
        configuration.no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.retries = RETRIES
        self._host = configuration.host.rstrip("/")
        self._pool: urllib3.PoolManager = rest.RESTClientObject(configuration).pool_manager
        if tls:
            # urllib3 would add certificates of files to the context, and the client names some that need not be there.
            files = {"ca_certs": None, "cert_file": None, "key_file": None}
            self._pool.connection_pool_kw |= {**files, "ssl_context": tls}
        self._credentials = credentials
        self._lost = lost

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, *, accept: str = JSON, brief: bool = False
    ) -> dict[str, Any]:
        """GET a document; raises as `send`, and ClusterUnavailable where something else than a cluster answers."""
        return self._document(self.send("GET", path, query, accept=accept, brief=brief))

    def write(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST, PUT or DELETE with a JSON body; return the document that comes back. Raises as `get`."""
        return self._document(self.send(method, path, body=json.dumps(body).encode()))

    def _document(self, response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
        try:
            document = json.loads(response.data)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            self._lost()
            raise ClusterUnavailable("Something other than the cluster answers; try again in a while")
        return document

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        *,
        whole: bool = True,
        accept: str = JSON,
        content: str = "application/json",
        brief: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return a success; with `whole`, read to its end. `accept` is the content type to ask for.

        With `brief`, it is tried once, and waits 6 seconds at most.

        Raises:
            ClusterUnavailable: no connection, no answer in time, or an answer that the cluster is not able to now.
            ClusterRejected: or one of its subclasses, for any other answer.
        """
        url = self._host + path + (f"?{urlencode(query)}" if query else "")
        response = self._request(method, url, body, whole=whole, accept=accept, content=content, brief=brief)
        if response.status == UNAUTHORIZED:
            response.drain_conn()
            self._credentials.renew()
            response = self._request(method, url, body, whole=whole, accept=accept, content=content, brief=brief)
            if response.status == UNAUTHORIZED:
                self._lost()
        if response.status >= 300:
            raise refusal(response.status, reading(lambda: response.data))
        return response

    def _request(
        self, method: str, url: str, body: bytes | None, *, whole: bool, accept: str, content: str, brief: bool
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": accept, "Content-Type": content, "User-Agent": "jobs-api"}
        if authorization := self._credentials.authorization():
            headers["Authorization"] = authorization
        try:
            return reading(
                lambda: self._pool.request(
                    method,
                    url,
                    body=body,
                    headers=headers,
                    preload_content=whole,
                    timeout=BRIEF if brief else TIMEOUT,
                    retries=ONCE if brief else RETRIES,
                    redirect=False,
                )
            )
        except ClusterUnavailable:
            self._lost()
            raise


def reading[T](step: Callable[[], T]) -> T:
    """Do a step that waits for the cluster; raises ClusterUnavailable where no answer comes."""
    try:
        return step()
    except HTTPError as error:
        # urllib3 gives the last failure of a request that it tried twice as `reason`.
        failure = getattr(error, "reason", error)
        if isinstance(failure, SSLError) and isinstance(failure.args[0], ssl.SSLCertVerificationError):
            raise ClusterUnavailable(f"The cluster's certificate is not trusted: {failure}") from error
        raise ClusterUnavailable("The cluster does not answer; try again in a while") from error
