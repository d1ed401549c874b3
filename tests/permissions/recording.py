"""Records functions' calls while tests run, and refuses calls that the template does not allow."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import botocore.client
import botocore.signers
from botocore.exceptions import ClientError

from jobs_api.cluster.connection import Connection
from local.template import Template
from tests.permissions import running, template_grants
from tests.permissions.needed_actions import asked
from tests.permissions.record import ClusterCall, Record

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


class Recorder:
    """Stores all calls after `start` in `record`."""

    def __init__(self, template: Template) -> None:
        """Read the permissions."""
        self.record = Record()
        self._refused: list[str] = []
        self._grants = template_grants.grants(template)
        self._boundary = template_grants.boundary(template)

    def start(self) -> None:
        """Start recording; must be called before any client is created."""
        running.follow_resolvers()
        running.follow_threads()
        self._listen_to_aws()
        self._listen_to_forms()
        self._listen_to_cluster()

    def take_refused(self) -> list[str]:
        """Return the calls that were refused since the last call of this."""
        refused, self._refused = self._refused, []
        return refused

    def _listen_to_aws(self) -> None:
        client_class: Any = botocore.client.BaseClient
        ask = client_class._make_api_call

        def listening(client: Any, operation: str, arguments: Mapping[str, Any]) -> Any:
            service = client.meta.service_model.service_name
            if function := running.function():
                self._check(function, service, operation, arguments)
            elif running.operator():
                self.record.operated |= set(asked(service, operation, arguments))
            return ask(client, operation, arguments)

        client_class._make_api_call = listening

    def _listen_to_forms(self) -> None:
        """Take a form that a function signs for a call: S3 checks the rights of the function when the form is sent."""
        signers: Any = botocore.signers
        sign = signers.generate_presigned_post

        def listening(client: Any, Bucket: str, Key: str, *args: Any, **kwargs: Any) -> Any:  # noqa: N803 - botocore's
            if function := running.function():
                self._check(function, "s3", "PutObject", {"Bucket": Bucket, "Key": Key})
            return sign(client, Bucket, Key, *args, **kwargs)

        signers.generate_presigned_post = listening

    def _check(self, function: str, service: str, operation: str, arguments: Mapping[str, Any]) -> None:
        for call in asked(service, operation, arguments):
            if call in self.record.asked[function]:
                continue  # the call was allowed earlier
            allowed = any(grant.covers(call) for grant in self._grants.get(function, []))
            if allowed and any(grant.covers(call) for grant in self._boundary):
                self.record.asked[function].add(call)
                continue
            whose = "the boundary of all functions" if allowed else "its policy"
            self._refused.append(f"{function} asks for {call.action} on {call.resource}, which {whose} does not allow")
            error = {"Error": {"Code": "AccessDeniedException", "Message": self._refused[-1]}}
            raise ClientError(error, operation)  # type: ignore[arg-type]  # its stubs want more than AWS says

    def _listen_to_cluster(self) -> None:
        connection: Any = Connection
        request = connection._request

        def listening(self_: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            function = running.function()
            if function:
                self.record.cluster_calls[cluster_call(method, url)].add(function)
            return request(self_, method, url, *args, **kwargs)

        connection._request = listening


def cluster_call(method: str, url: str) -> ClusterCall:
    """Return a request's verb, API group and resource, as Kubernetes' authorizer reads them.

    https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
    """
    path = urlsplit(url).path
    if not path.startswith(("/api/", "/apis/")):
        return "get" if method == "GET" else VERBS[method], "", path
    before, _, within = path.partition("/namespaces/")
    resource, *rest = within.split("/")[1:]
    group = before.split("/")[2] if before.startswith("/apis/") else ""
    if method in {"GET", "HEAD"}:
        verb = "get" if rest else "list"
    elif method == "DELETE":
        verb = "delete" if rest else "deletecollection"
    else:
        verb = VERBS[method]
    return verb, group, "/".join([resource, *rest[1:]])
