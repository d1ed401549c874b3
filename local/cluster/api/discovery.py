"""Answers what the cluster supports: versions, groups, resources."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from local.cluster.api.objects import no_such_path
from local.cluster.api.responses import Json
from local.cluster.kinds import KINDS, Kind

# The version of the server with whose answers these rules were compared.
VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.13+embedded",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


async def version(_request: Request) -> Response:
    """Answer /version."""
    return Json(VERSION)


async def healthy(_request: Request) -> Response:
    """Answer /healthz, /livez and /readyz."""
    return PlainTextResponse("ok")


async def api_versions(request: Request) -> Response:
    """Answer /api."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": request.url.netloc}]
    return Json({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses})


async def groups(_request: Request) -> Response:
    """Answer /apis."""
    named = sorted({kind.group for kind in KINDS.values() if kind.group})
    return Json({"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in named]})


async def group(request: Request) -> Response:
    """Answer /apis/{group}."""
    name = request.path_params["group"]
    if not any(kind.group == name for kind in KINDS.values()):
        raise no_such_path()
    return Json({"kind": "APIGroup", "apiVersion": "v1", **_group(name)})


def _group(name: str) -> dict[str, object]:
    served = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [served], "preferredVersion": served}


async def resources(request: Request) -> Response:
    """Answer /api/v1 and /apis/{group}/v1."""
    name = request.path_params.get("group", "")
    kinds = [kind for kind in KINDS.values() if kind.group == name]
    if not kinds:
        raise no_such_path()
    listed = [entry for kind in kinds for entry in _entries(kind)]
    return Json(
        {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": kinds[0].api_version,
            "resources": sorted(listed, key=lambda entry: str(entry["name"])),
        }
    )


def _entries(kind: Kind) -> list[dict[str, object]]:
    entry: dict[str, object] = {
        "name": kind.resource,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": _VERBS,
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    sub = {"singularName": "", "namespaced": kind.namespaced, "kind": kind.name}
    entries = [entry]
    if kind.has_status:
        entries.append({"name": f"{kind.resource}/status", **sub, "verbs": ["get", "patch", "update"]})
    if kind.resource == "pods":
        entries.append({"name": "pods/log", **sub, "verbs": ["get"]})
    return entries
