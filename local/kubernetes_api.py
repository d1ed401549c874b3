"""Creates objects in a cluster over plain HTTPS, because importing the Kubernetes client takes too long for a start.

It reads certificates and tokens from a kubeconfig. If the kubeconfig names a program for credentials, the official
client runs that program.
"""

import base64
import http.client
import json
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class UnusableCluster(OSError):
    """A kubeconfig is missing or names no cluster, or its cluster cannot be reached."""


class Refused(OSError):
    """The cluster refused the request; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        """Store the status."""
        super().__init__(message)
        self.status = status


class KubernetesApi:
    """The API server of a kubeconfig's current context."""

    def __init__(self, kubeconfig: Path) -> None:
        """Read the kubeconfig, without sending anything.

        Raises:
            UnusableCluster: the kubeconfig cannot be used; the message says why.
        """
        self._kubeconfig = kubeconfig
        try:
            config = yaml.safe_load(kubeconfig.read_text())
            self.context = str(config["current-context"])
            context = _entry_named(config["contexts"], self.context)["context"]
            self._cluster = _entry_named(config["clusters"], context["cluster"])["cluster"]
            self._user = _entry_named(config["users"], context["user"])["user"]
            self.server = str(self._cluster["server"])
        except OSError as error:
            raise UnusableCluster(f"The kubeconfig {kubeconfig} cannot be read: {error.strerror}") from error
        except (yaml.YAMLError, LookupError, TypeError, ValueError) as error:
            raise UnusableCluster(
                f"The kubeconfig {kubeconfig} does not say which cluster: its current context needs a cluster with a "
                "server, and a user"
            ) from error

    def __str__(self) -> str:
        """Return the cluster's address, without credentials."""
        return f"{self.server} (context {self.context} of {self._kubeconfig})"

    def create(
        self, path: str, document: dict[str, Any], again: Callable[[dict[str, Any]], bool] | None = None
    ) -> None:
        """Create an object, or leave it unchanged if it exists and `again` does not say to create it again.

        Raises:
            Refused: the cluster refused; the message is its reason.
            UnusableCluster: the cluster cannot be reached.
        """
        status, answer = self._send("POST", path, document)
        if status == HTTPStatus.CONFLICT and again:
            place = f"{path}/{document['metadata']['name']}"
            found, there = self._send("GET", place, None)
            if found == HTTPStatus.OK and again(json.loads(there)):
                self._send("DELETE", f"{place}?propagationPolicy=Background", None)
                status, answer = self._send("POST", path, document)
        if status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.CONFLICT:
            raise Refused(f"{self.server} refused {path}: {status} {_message(answer)}", status)

    def may_list(self, path: str) -> bool:
        """Return whether this client may list a collection."""
        return self._send("GET", f"{path}?limit=1", None)[0] == HTTPStatus.OK

    def _send(self, method: str, path: str, document: dict[str, Any] | None) -> tuple[int, str]:
        if "token" not in self._user:
            return self._send_with_client(method, path, document)
        server = urlsplit(self.server)
        connection = http.client.HTTPSConnection(server.hostname or "", server.port, context=self._tls(), timeout=30)
        headers = {"Authorization": f"Bearer {self._user['token']}", "Content-Type": "application/json"}
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, server.path.rstrip("/") + path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise UnusableCluster(f"The cluster {self} cannot be reached: {error}") from error
        finally:
            connection.close()

    def _tls(self) -> ssl.SSLContext:
        authority = self._cluster.get("certificate-authority-data")
        return ssl.create_default_context(
            cafile=self._cluster.get("certificate-authority"),
            cadata=base64.b64decode(authority).decode() if authority else None,
        )

    def _send_with_client(self, method: str, path: str, document: dict[str, Any] | None) -> tuple[int, str]:
        from kubernetes import client, config  # noqa: PLC0415  # see the module's sentence

        with config.new_client_from_config(str(self._kubeconfig)) as api:
            try:
                api.call_api(path, method, body=document, auth_settings=["BearerToken"], response_type="object")
            except client.ApiException as error:
                return int(error.status or 0), str(error.body)
        return HTTPStatus.OK, ""


def _message(answer: str) -> str:
    """Return a Status' message, or the text of the answer, since a proxy may have answered."""
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, LookupError, TypeError):
        return answer[:200]


def _entry_named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    named = {entry["name"]: entry for entry in entries}
    return named[name]
