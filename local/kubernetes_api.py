"""Creates objects in a cluster by plain HTTPS, because importing the Kubernetes client takes longer than a start may.

It knows the certificates and tokens that a kubeconfig can hold. What asks a program for credentials is left to the
official client.
"""

import base64
import http.client
import json
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class KubernetesApi:
    """The API server of a kubeconfig's current context."""

    def __init__(self, kubeconfig: Path) -> None:
        """Read the kubeconfig; nothing is sent yet."""
        self._kubeconfig = kubeconfig
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        self._cluster = _named(config["clusters"], context["cluster"])["cluster"]
        self._user = _named(config["users"], context["user"])["user"]

    def create(self, path: str, document: dict[str, Any]) -> None:
        """Create an object; one that is already there stays as it is.

        Raises:
            OSError: the cluster cannot be reached or refuses, with its reason.
        """
        status, answer = self._post(path, document)
        if status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.CONFLICT:
            raise OSError(f"{self._cluster['server']} refused {path}: {status} {answer}")

    def _post(self, path: str, document: dict[str, Any]) -> tuple[int, str]:
        if "token" not in self._user:
            return self._post_with_client(path, document)
        server = urlsplit(self._cluster["server"])
        connection = http.client.HTTPSConnection(server.hostname or "", server.port, context=self._tls(), timeout=10)
        headers = {"Authorization": f"Bearer {self._user['token']}", "Content-Type": "application/json"}
        try:
            connection.request("POST", server.path.rstrip("/") + path, json.dumps(document), headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def _tls(self) -> ssl.SSLContext:
        authority = self._cluster.get("certificate-authority-data")
        return ssl.create_default_context(
            cafile=self._cluster.get("certificate-authority"),
            cadata=base64.b64decode(authority).decode() if authority else None,
        )

    def _post_with_client(self, path: str, document: dict[str, Any]) -> tuple[int, str]:
        from kubernetes import client, config  # noqa: PLC0415  # see the module's sentence

        with config.new_client_from_config(str(self._kubeconfig)) as api:
            try:
                api.call_api(path, "POST", body=document, auth_settings=["BearerToken"], response_type="object")
            except client.ApiException as error:
                return int(error.status or 0), str(error.body)
        return HTTPStatus.CREATED, ""


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)
