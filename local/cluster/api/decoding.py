"""Request bodies, read into objects of a kind."""

import json
from dataclasses import dataclass, field
from typing import Any

import yaml
from starlette.requests import Request

from local.cluster.api import protobuf
from local.cluster.errors import ApiError, BadRequest, UnsupportedMediaType
from local.cluster.kinds import Kind
from local.cluster.rules.schema import read

type Object = dict[str, Any]

_LIMIT = 3 * 1024 * 1024
_JSON, _YAML = "application/json", "application/yaml"


@dataclass
class Decoded:
    """An object and the warnings for the client."""

    object: Object
    warnings: list[str] = field(default_factory=list)


class TooLarge(ApiError):
    """The body is larger than an API server accepts."""

    code, reason = 413, "RequestEntityTooLarge"


async def body(request: Request) -> bytes:
    """Return the body; raises TooLarge."""
    content = await request.body()
    if len(content) > _LIMIT:
        raise TooLarge(f"Request entity too large: limit is {_LIMIT}")
    return content


def media_type(request: Request) -> str:
    """Return the bare content type, JSON where none is stated."""
    return request.headers.get("content-type", _JSON).split(";", 1)[0].strip() or _JSON


async def decode(request: Request, kind: Kind) -> Decoded:
    """Read an object of `kind` from a request; raises BadRequest, UnsupportedMediaType."""
    content = await body(request)
    if (stated := media_type(request)) not in {_JSON, _YAML, protobuf.MEDIA_TYPE}:
        accepted = f"{_JSON}, {_YAML}, {protobuf.MEDIA_TYPE}"
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {accepted}: {stated}"
        )
    return decode_object(parse(content, kind), kind, request.query_params.get("fieldValidation") or "Warn")


def parse(content: bytes, kind: Kind) -> Any:
    """Read protobuf, JSON, or YAML where it is neither; raises BadRequest."""
    try:
        return protobuf.decode(content) if content.startswith(protobuf.MAGIC) else json.loads(content)
    except ValueError as error:
        if content[:1] in {b"{", b"[", b"k"} or not content.strip():
            raise _unrecognized(kind, f"json parse error: {error}") from None
    try:
        return yaml.load(content, Loader=_Loader)  # noqa: S506 - _Loader is a safe loader
    except yaml.YAMLError as error:
        raise _unrecognized(kind, f"yaml parse error: {error}") from None


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: times stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _unrecognized(kind: Kind, why: str) -> BadRequest:
    return BadRequest(
        f"the object provided is unrecognized (must be of type {kind.name}): couldn't get version/kind; {why}"
    )


def decode_object(parsed: Any, kind: Kind, field_validation: str) -> Decoded:
    """Check parsed JSON against the fields of `kind`; drop unknown ones with a warning, or raise an error if Strict."""
    if not isinstance(parsed, dict):
        raise _unrecognized(kind, "json parse error: json: cannot unmarshal into Go value of type struct")
    stated, version = parsed.get("kind") or kind.name, parsed.get("apiVersion") or kind.api_version
    if version != kind.api_version:
        expected = f"does not match the expected API version ({kind.api_version})"
        raise BadRequest(f"the API version in the data ({version}) {expected}")
    if stated != kind.name:
        raise BadRequest(
            f'{stated} in version "v1" cannot be handled as a {kind.name}: the kind in the data does not match'
        )
    try:
        obj, unknown = read(kind.name, parsed)
    except ValueError as error:
        raise BadRequest(f'{kind.name} in version "v1" cannot be handled as a {kind.name}: {error}') from None
    faults = [f'unknown field "{path}"' for path in unknown]
    if faults and field_validation == "Strict":
        listed = ", ".join(faults)
        raise BadRequest(
            f'{kind.name} in version "v1" cannot be handled as a {kind.name}: strict decoding error: {listed}'
        )
    return Decoded(obj, faults if field_validation == "Warn" else [])
