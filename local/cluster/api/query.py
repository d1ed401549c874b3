"""The query parameters of a request, read as Kubernetes reads them."""

import re
from typing import Any

from starlette.requests import Request

from local.cluster.api.selectors import Matcher, field_matcher, label_matcher
from local.cluster.errors import ApiError, BadRequest, Cause, Invalid
from local.cluster.kinds import KINDS, Kind

_WHOLE = re.compile(r"[+-]?[0-9]+")
_INT64 = 2**63
_MOST_SHOWN = 100


def flag(request: Request, name: str) -> bool:
    """Read a boolean: present and not "false" or "0" is true (runtime.Convert_Slice_string_To_bool)."""
    value = request.query_params.get(name)
    return value is not None and value.lower() not in {"false", "0"}


def whole(request: Request, name: str) -> int | None:
    """Read a whole number, or None where there is none; raises BadRequest."""
    value = request.query_params.get(name)
    if value is None or value == "":
        return None
    if not _WHOLE.fullmatch(value):
        raise BadRequest(f'strconv.ParseInt: parsing "{value[:_MOST_SHOWN]}": invalid syntax')
    number = int(value[:_MOST_SHOWN])
    if not -_INT64 <= number < _INT64 or len(value) > _MOST_SHOWN:
        raise BadRequest(f'strconv.ParseInt: parsing "{value[:_MOST_SHOWN]}": value out of range')
    return number


def dry_run(request: Request, body: dict[str, Any] | None = None) -> bool:
    """Return whether nothing may be stored; raises Invalid for a value other than All."""
    asked = [*request.query_params.getlist("dryRun"), *((body or {}).get("dryRun") or [])]
    if unknown := [value for value in asked if value != "All"]:
        raise _unsupported_dry_run(unknown[0])
    return bool(asked)


def _unsupported_dry_run(value: str) -> ApiError:
    cause = Cause("FieldValueNotSupported", f'Unsupported value: "{value}": supported values: "All"', "dryRun")
    refused = Invalid.of(Kind("CreateOptions", "createoptions", "createoptions", group="meta.k8s.io"), "", [cause])
    refused.details = {"group": "meta.k8s.io", "kind": "CreateOptions", "causes": [cause.as_dict()]}
    return refused


def selected(request: Request, kind: Kind) -> Matcher | None:
    """Return a function that tells whether an object is selected, None if all are; raises BadRequest."""
    by_label = label_matcher(request.query_params.get("labelSelector", ""))
    by_field = field_matcher(kind, request.query_params.get("fieldSelector", ""))
    if by_label and by_field:
        return lambda obj: by_label(obj) and by_field(obj)
    return by_label or by_field


def kind_of(request: Request) -> Kind | None:
    """Return the kind of the path, or None if this cluster has no such kind."""
    kind = KINDS.get(request.path_params["resource"])
    return kind if kind and request.url.path.startswith(f"/apis/{kind.group}/" if kind.group else "/api/") else None
