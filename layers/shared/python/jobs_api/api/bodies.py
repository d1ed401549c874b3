"""How a request's body is read: JSON in UTF-8, of limited size, with each name once."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pydantic_core

from jobs_api import errors
from jobs_api.api.body_schemas import JSON_TYPE
from jobs_api.api.request_events import header

MAX_BODY_BYTES: Final = 256 * 1024
NOT_UTF_8: Final = "The body must be a JSON object in UTF-8; write the character U+FFFD as \\ufffd if it is meant"
COMPRESSED: Final = "The body must be a JSON object in UTF-8; send it uncompressed, without Content-Encoding"


def with_json_body(event: Mapping[str, Any], most_bytes: int) -> dict[str, Any]:
    """Return a request with its body as text; raises InvalidBody or PayloadTooLarge."""
    body = _bytes_of(event)
    if len(body) > most_bytes:
        raise errors.PayloadTooLarge(f"The body is {len(body)} bytes; at most {most_bytes}")
    text = _text_of(body, header(event, "content-encoding"))
    # Bodies are JSON whatever content type the client sends: `curl -d` sends that of a form.
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return {**event, "body": text, "isBase64Encoded": False, "headers": {**headers, "content-type": JSON_TYPE}}


def _bytes_of(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise errors.InvalidBody("The body must be a JSON object") from error


def _text_of(body: bytes, encoding: str | None) -> str:
    # API Gateway decompresses a body, or passes it on as text, with U+FFFD for each byte that is not UTF-8.
    text = body.decode(errors="replace").strip()
    if "\ufffd" in text:
        raise errors.InvalidBody(COMPRESSED if encoding not in {None, "identity"} else NOT_UTF_8)
    if text.startswith("\ufeff"):
        raise errors.InvalidBody("The body must be a JSON object without a byte order mark before it")
    return text


def read_json(text: str) -> dict[str, Any]:
    """Read a body; handlers get `None` for an absent one, which is not read here. Raises InvalidBody."""
    try:
        # Unlike json.loads it takes no NaN, no half surrogate pairs and no nesting that exhausts the stack, but of a
        # name that comes twice it keeps the last.
        pydantic_core.from_json(text, allow_inf_nan=False)
        document = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise errors.InvalidBody(f"The body must be a JSON object: {error}") from error
    if not isinstance(document, dict):
        raise errors.InvalidBody("The body must be a JSON object, such as {}, and not a list, a text or a number")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = next(name for name, count in names.items() if count > 1)
        raise ValueError(f"{errors.shortened(twice)!r} stands in one object twice")
    return document
