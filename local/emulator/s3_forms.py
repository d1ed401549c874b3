"""Forms that a browser or a Pod sends to S3: a policy that somebody signed, its fields, and a file.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.emulator.errors import AwsError

_BOUNDARY = re.compile(r'multipart/form-data;.*boundary="?([^";,]+)"?')
_NAME = re.compile(rb'name="([^"]*)"')
# Fields that no condition has to name.
_FREE = {"x-amz-signature", "file", "policy", "bucket"}
_MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Form:
    """A form: its fields by their names in lower case, and the file."""

    fields: Mapping[str, str]
    content: bytes


def is_form(content_type: str) -> bool:
    """Return whether a request's content is a form with a file."""
    return content_type.startswith("multipart/form-data")


def read_form(content_type: str, read: Callable[[int], bytes]) -> Form:
    """Read a form; raises AwsError for one that is malformed or too large."""
    found = _BOUNDARY.match(content_type)
    pieces, size = [], 0
    while piece := read(256 * 1024):
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_BYTES:
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    if not found:
        raise AwsError("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
    fields, file = dict[str, str](), None
    for part in b"".join([b"\r\n", *pieces]).split(f"\r\n--{found[1]}".encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise AwsError("MalformedPOSTRequest", "A part of the form has no name")
        if name[1] == b"file":
            file = content
            break  # S3 ignores what comes after the file
        fields[name[1].decode().lower()] = content.decode()
    if file is None:
        raise AwsError("InvalidArgument", "POST requires exactly one file upload per request.")
    return Form(fields, file)


def check(form: Form, bucket: str, access_key: str, secret_key: str, now: datetime) -> None:
    """Check who signed a form's policy, its time, and that the form is what the policy allows; raises AwsError."""
    policy = form.fields.get("policy", "")
    scope = form.fields.get("x-amz-credential", "").split("/")
    if len(scope) != 5 or not hmac.compare_digest(scope[0].encode(), access_key.encode()):
        raise AwsError("AccessDenied", "Access Denied", 403)
    key = f"AWS4{secret_key}".encode()
    for part in scope[1:]:
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, form.fields.get("x-amz-signature", "")):
        raise AwsError("SignatureDoesNotMatch", "The request signature we calculated does not match", 403)
    document = json.loads(base64.b64decode(policy))
    if datetime.fromisoformat(document["expiration"]) <= now:
        raise _refused("Policy expired.")
    _check_conditions(form, bucket, document["conditions"])


def _check_conditions(form: Form, bucket: str, conditions: list[Any]) -> None:
    fields, named = {**form.fields, "bucket": bucket}, set(_FREE)
    for one in conditions:
        if isinstance(one, list) and one[0] == "content-length-range":
            if len(form.content) < one[1]:
                raise AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
            if len(form.content) > one[2]:
                raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            continue
        kind, name, value = ("eq", *next(iter(one.items()))) if isinstance(one, dict) else one
        name = name.removeprefix("$").lower()
        named.add(name)
        given = fields.get(name, "")
        if not (given.startswith(value) if kind == "starts-with" else given == value):
            raise _refused(f'Policy Condition failed: ["{kind}", "${name}", "{value}"]')
    if extra := sorted(fields.keys() - named):
        raise _refused(f"Extra input fields: {extra[0]}")


def _refused(why: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {why}", 403)
