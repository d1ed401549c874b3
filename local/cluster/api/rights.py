"""Limits a client to the rights of a role, as an API server with RBAC does.

The embedded cluster checks no rights. Set as its fault, this refuses what the role does not allow.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from local.cluster.api.faults import Fault
from local.cluster.api.responses import refusal
from local.cluster.errors import Forbidden

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "DELETE": "delete"}


def only(rules: Iterable[Mapping[str, Any]], namespaces: Collection[str]) -> Fault:
    """Return a fault that refuses what a ClusterRole, bound in some namespaces only, does not allow."""
    granted = [
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]

    async def fault(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        asked = _asked(scope["method"], scope["path"])
        if asked is None:
            await app(scope, receive, send)
            return
        namespace, group, resource, verb, name = asked
        allowed = namespace in namespaces and (group, resource, verb) in granted
        answer = app if allowed else refusal(_forbidden(namespace, group, resource, verb, name))
        await answer(scope, receive, send)

    return fault


def _asked(method: str, path: str) -> tuple[str, str, str, str, str] | None:
    """Return namespace, group, resource with subresource, verb and name; None if the path is not a resource's."""
    steps = path.strip("/").split("/")
    match steps:
        case ["api", "v1", *rest]:
            group = ""
        case ["apis", group, _, *rest]:
            pass
        case _:
            return None
    if not rest:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name = "/".join([rest[0], *rest[2:]]), rest[1] if len(rest) > 1 else ""
    verb = _VERBS[method]
    if not name:
        verb = {"get": "list", "delete": "deletecollection"}.get(verb, verb)
    return namespace, group, resource, verb, name


def _forbidden(namespace: str, group: str, resource: str, verb: str, name: str) -> Forbidden:
    # https://github.com/kubernetes/apiserver/blob/master/pkg/endpoints/handlers/responsewriters/errors.go
    qualified = f"{resource}.{group}" if group else resource
    subject = f'{qualified} "{name}"' if name else qualified
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    return Forbidden(
        f'{subject} is forbidden: User "system:embedded" cannot {verb} resource "{resource}" '
        f'in API group "{group}" {scope}',
        {"name": name, "group": group, "kind": resource} if name else {"group": group, "kind": resource},
    )
