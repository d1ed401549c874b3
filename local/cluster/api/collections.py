"""Many objects at once: list, watch and delete them."""

import json
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from local.cluster.api import query
from local.cluster.api.objects import delete_one, delete_options, required_kind, storage_of
from local.cluster.api.pages import Page, Pages
from local.cluster.api.responses import Json, wants_metadata, wants_table
from local.cluster.api.tables import table
from local.cluster.api.watches import Watches, watch
from local.cluster.errors import MethodNotAllowed
from local.cluster.kinds import Kind


async def listing(request: Request) -> Response:
    """Answer a GET of a collection: a list, a page of one, or a watch."""
    kind = required_kind(request)
    matches = query.selected(request, kind)
    if query.flag(request, "watch"):
        return watch(request, kind, matches, cast("Watches", request.app.state.watches))
    pages = cast("Pages", request.app.state.pages)
    limit, token = query.whole(request, "limit") or 0, request.query_params.get("continue", "")
    namespace = request.path_params.get("namespace")
    if request.query_params.get("resourceVersion") == "0" and not token:
        # The watch cache answers with all objects at its own version, and ignores the limit.
        page = pages.cached(kind.resource, namespace, matches)
    else:
        page = pages.page(kind.resource, namespace, matches, limit, token)
    if wants_table(request):
        include = request.query_params.get("includeObject", "Metadata")
        rows = [stored.object for stored in page.items]
        return Json(table(kind, rows, storage_of(request).clock.now(), include, _metadata(page)))
    return Json(_metadata_body(page) if wants_metadata(request) else _list_body(kind, page))


def _metadata(page: Page) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(page.version)}
    if page.next:
        metadata["continue"] = page.next
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    return metadata


def _list_body(kind: Kind, page: Page) -> bytes:
    """Write a list from the JSON that is stored with each object."""
    head = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": _metadata(page)}
    items = b",".join([stored.item for stored in page.items])
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"items":[' + items + b"]}"


def _metadata_body(page: Page) -> bytes:
    """Write a list of metadata; its items have a kind, unlike those of other lists."""
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": _metadata(page)}
    items = [{**partial, "metadata": stored.object["metadata"]} for stored in page.items]
    return json.dumps({**head, "items": items}, separators=(",", ":")).encode()


async def delete_all(request: Request) -> Response:
    """Answer a DELETE of a collection: delete every object that matches, and answer with their list."""
    kind = required_kind(request)
    if kind.namespaced and "namespace" not in request.path_params:
        raise MethodNotAllowed("the server does not allow this method on the requested resource", {})
    options, matches, storage = await delete_options(request), query.selected(request, kind), storage_of(request)
    going = [
        stored
        for stored in storage.ordered(kind.resource, request.path_params.get("namespace"))
        if matches is None or matches(stored)
    ]
    for stored in going:
        # One may be deleted already, as a dependent of another.
        if storage.find(kind.resource, stored.namespace, stored.name):
            delete_one(request, kind, stored.name, options)
    return Json(_list_body(kind, Page(going, storage.version)))
