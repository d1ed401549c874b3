"""One object: create, read, replace, patch and delete it, and its status."""

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from local.cluster.api import query
from local.cluster.api.decoding import body, decode, decode_object, media_type, parse
from local.cluster.api.patches import patched
from local.cluster.api.responses import Json, add_warnings, wants_table
from local.cluster.api.tables import table
from local.cluster.errors import BadRequest, MethodNotAllowed, NotFound
from local.cluster.kinds import Kind, Propagation
from local.cluster.rules.warnings import warnings_of
from local.cluster.storage import Object, Preconditions, Storage

_APPLY = "application/apply-patch+yaml"
_ORPHANS = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)


def storage_of(request: Request) -> Storage:
    """Return the storage of the request's cluster."""
    return cast("Storage", request.app.state.storage)


def required_kind(request: Request) -> Kind:
    """Return the kind of the path; raises NotFound as for any path that does not exist."""
    kind = query.kind_of(request)
    namespaced = "namespace" in request.path_params
    if kind is None or (namespaced and not kind.namespaced):
        raise no_such_path()
    if "name" in request.path_params and kind.namespaced and not namespaced:
        raise no_such_path()
    return kind


def no_such_path() -> NotFound:
    """Make the error for a path that does not exist."""
    return NotFound("the server could not find the requested resource", {})


async def create(request: Request) -> Response:
    """Answer a POST to a collection with 201 and the object."""
    kind = required_kind(request)
    if kind.namespaced and "namespace" not in request.path_params:
        raise MethodNotAllowed("the server does not allow this method on the requested resource", {})
    decoded = await decode(request, kind)
    _place(request, kind, decoded.object)
    made = storage_of(request).create(kind.resource, decoded.object, dry_run=query.dry_run(request))
    return _answer(request, kind, made, 201, [*decoded.warnings, *warnings_of(kind, made)])


async def show(request: Request) -> Response:
    """Answer a GET of an object or of its status."""
    kind = required_kind(request)
    stored = storage_of(request).find(kind.resource, _namespace(request), request.path_params["name"])
    if stored is None:
        raise NotFound.named(kind, request.path_params["name"])
    if wants_table(request):
        return _answer(request, kind, stored.object, 200, [])
    return Json(stored.body)


async def replace(request: Request) -> Response:
    """Answer a PUT of an object or of its status."""
    kind = required_kind(request)
    decoded = await decode(request, kind)
    _place(request, kind, decoded.object)
    new = _store(request, kind, decoded.object)
    return _answer(request, kind, new, 200, [*decoded.warnings, *warnings_of(kind, new)])


async def patch(request: Request) -> Response:
    """Answer a PATCH of any of the four types; only an apply creates an object that does not exist."""
    kind, storage = required_kind(request), storage_of(request)
    name, how = request.path_params["name"], media_type(request)
    change = parse(await body(request), kind)
    stored = storage.find(kind.resource, _namespace(request), name)
    if stored is None and how != _APPLY:
        raise NotFound.named(kind, name)
    old: Object = storage.get(kind.resource, _namespace(request), name) if stored else {}
    merged = patched(how, old, change)
    decoded = decode_object(merged, kind, request.query_params.get("fieldValidation") or "Warn")
    _place(request, kind, decoded.object)
    if stored is None:
        new = storage.create(kind.resource, decoded.object, dry_run=query.dry_run(request))
    else:
        new = _store(request, kind, decoded.object)
    return _answer(request, kind, new, 200 if stored else 201, [*decoded.warnings, *warnings_of(kind, new)])


async def delete(request: Request) -> Response:
    """Answer a DELETE with the object while it is being deleted, or with a Status if it is deleted."""
    kind, options = required_kind(request), await delete_options(request)
    name = request.path_params["name"]
    gone = delete_one(request, kind, name, options)
    left = storage_of(request).find(kind.resource, _namespace(request), name)
    if left or kind.returns_deleted:
        return Json(gone)
    details = {"name": name, "group": kind.group, "kind": kind.resource, "uid": gone["metadata"]["uid"]}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    response = Json({**status, "details": {key: value for key, value in details.items() if value}})
    if kind.resource == "jobs" and _propagation(options) is None:
        add_warnings(response, [_ORPHANS])
    return response


def delete_one(request: Request, kind: Kind, name: str, options: Object) -> Object:
    """Delete an object as DeleteOptions ask."""
    expected = options.get("preconditions") or {}
    return storage_of(request).delete(
        kind.resource,
        _namespace(request),
        name,
        _propagation(options),
        grace_seconds=options.get("gracePeriodSeconds"),
        preconditions=Preconditions(expected.get("uid"), expected.get("resourceVersion")),
        dry_run=query.dry_run(request, options),
    )


async def delete_options(request: Request) -> Object:
    """Return the DeleteOptions of the body, or of the query where there is no body."""
    content = await body(request)
    if content.strip():
        options = parse(content, Kind("DeleteOptions", "deleteoptions", "deleteoptions"))
        if not isinstance(options, dict):
            raise BadRequest("the object provided is unrecognized (must be of type DeleteOptions)")
        return options
    options = {"propagationPolicy": request.query_params.get("propagationPolicy")}
    if "orphanDependents" in request.query_params:
        options["orphanDependents"] = query.flag(request, "orphanDependents")
    return {**options, "gracePeriodSeconds": query.whole(request, "gracePeriodSeconds")}


def _propagation(options: Object) -> Propagation | None:
    if "orphanDependents" in options and options["orphanDependents"] is not None:
        return "Orphan" if options["orphanDependents"] else "Background"
    policy = options.get("propagationPolicy")
    if policy not in {None, "", "Background", "Foreground", "Orphan"}:
        supported = '"Foreground", "Background", "Orphan", "nil"'
        raise BadRequest(
            f'invalid DeleteOptions: propagationPolicy: Unsupported value: "{policy}": supported values: {supported}'
        )
    return policy or None


def _namespace(request: Request) -> str | None:
    return request.path_params.get("namespace")


def _place(request: Request, kind: Kind, obj: Object) -> None:
    """Set the name and namespace of the URL; raises BadRequest if the object has others."""
    metadata = obj.setdefault("metadata", {})
    if kind.namespaced:
        namespace = request.path_params["namespace"]
        if metadata.setdefault("namespace", namespace) not in {namespace, ""}:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = namespace
    name = request.path_params.get("name")
    if name is not None and metadata.setdefault("name", name) != name:
        stated = f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
        raise BadRequest(stated)


def _store(request: Request, kind: Kind, obj: Object) -> Object:
    storage, dry_run = storage_of(request), query.dry_run(request)
    match request.path_params.get("subresource"):
        case None | "finalize":
            return storage.replace(kind.resource, obj, dry_run=dry_run)
        case "status" if kind.has_status:
            return storage.replace_status(kind.resource, obj, dry_run=dry_run)
    raise no_such_path()


def _answer(request: Request, kind: Kind, obj: Object, code: int, warnings: list[str]) -> Response:
    content: Any = obj
    if wants_table(request):
        include = request.query_params.get("includeObject", "Metadata")
        version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        content = table(kind, [obj], storage_of(request).clock.now(), include, version)
    response = Json(content, code)
    add_warnings(response, warnings)
    return response
