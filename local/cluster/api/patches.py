"""The four types of PATCH: JSON patch, merge patch, strategic merge patch, and a simple server-side apply."""

from typing import Any

import jsonpatch

from local.cluster.errors import ApiError, UnsupportedMediaType
from local.cluster.storage import Object, copied

# The field that identifies an item of a list, for lists that strategic merges merge (patchMergeKey in types.go).
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "secrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "ownerReferences": "uid",
    "conditions": "type",
    "resourceClaims": "name",
    "schedulingGates": "name",
}
_SETS = {"finalizers"}
_DIRECTIVE, _ORDER, _REMOVED, _RETAIN = "$patch", "$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys"


class Unprocessable(ApiError):
    """A patch that does not fit the object."""

    code, reason = 422, "Invalid"


def patched(media_type: str, old: Object, change: Any) -> Any:
    """Return a changed copy of `old`; raises UnsupportedMediaType, Unprocessable."""
    match media_type:
        case "application/json-patch+json":
            return _json_patch(old, change)
        case "application/merge-patch+json":
            return merge(old, change)
        case "application/strategic-merge-patch+json" | "application/apply-patch+yaml":
            return strategic(old, change)
    accepted = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    raise UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {accepted}: {media_type}"
    )


def _json_patch(old: Object, change: Any) -> Any:
    try:
        return jsonpatch.apply_patch(old, change)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise Unprocessable(f"the server rejected our request due to an error in our request: {error}") from None


def merge(old: Any, change: Any) -> Any:
    """Merge by RFC 7386: objects member by member, null removes, anything else replaces."""
    if not isinstance(change, dict):
        return copied(change)
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def strategic(old: Any, change: Any) -> Any:
    """Merge as strategicpatch does: merge lists by their items' names, and follow directives."""
    if not isinstance(change, dict):
        return copied(change)
    if change.get(_DIRECTIVE) == "replace":
        return {key: copied(value) for key, value in change.items() if key != _DIRECTIVE}
    merged = dict(old) if isinstance(old, dict) else {}
    if _RETAIN in change:
        merged = {key: value for key, value in merged.items() if key in change[_RETAIN]}
    for key, value in change.items():
        _merge_member(merged, key, value)
    for key, order in change.items():
        if key.startswith(_ORDER) and isinstance(merged.get(field := key.removeprefix(_ORDER)), list):
            merged[field] = _ordered(merged[field], order, _MERGE_KEYS.get(field))
    return merged


def _merge_member(merged: Object, key: str, value: Any) -> None:
    if key in {_DIRECTIVE, _RETAIN} or key.startswith(_ORDER):
        return
    if key.startswith(_REMOVED):
        field = key.removeprefix(_REMOVED)
        merged[field] = [item for item in merged.get(field) or [] if item not in value]
    elif value is None:
        merged.pop(key, None)
    elif isinstance(value, list) and key in _SETS:
        merged[key] = [*dict.fromkeys([*(merged.get(key) or []), *value])]
    elif isinstance(value, list) and key in _MERGE_KEYS:
        merged[key] = _merge_items(merged.get(key) or [], value, _MERGE_KEYS[key])
    else:
        merged[key] = strategic(merged.get(key), value)


def _merge_items(old: list[Any], change: list[Any], name: str) -> list[Any]:
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" and len(item) == 1 for item in change):
        return [copied(item) for item in change if item.get(_DIRECTIVE) != "replace"]
    merged = list(old)
    for item in change:
        at = next((index for index, there in enumerate(merged) if there.get(name) == item.get(name)), None)
        if item.get(_DIRECTIVE) == "delete":
            merged[:] = [there for there in merged if there.get(name) != item.get(name)]
        elif at is None:
            merged.append(strategic({}, item))
        else:
            merged[at] = strategic(merged[at], item)
    return merged


def _ordered(items: list[Any], order: list[Any], name: str | None) -> list[Any]:
    """Sort items into the requested order; items that it does not mention follow in their own order."""
    wanted = [item.get(name) if name and isinstance(item, dict) else item for item in order]

    def place(item: Any) -> int:
        key = item.get(name) if name and isinstance(item, dict) else item
        return wanted.index(key) if key in wanted else len(wanted)

    return sorted(items, key=place)
