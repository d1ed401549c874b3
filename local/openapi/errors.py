"""The errors of the document: what each call can answer besides its success, by status and code."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from jobs_api.api import body_schemas, problems
from local.openapi.schemas import PREFIX
from local.openapi.words import words

# The gateway answers 401, and an unexpected exception is a 500; the other errors are in the resolver's table.
STATUSES = {"unauthorized": 401, "internal_error": 500} | {code: status for status, code in problems.ANSWERS.values()}
EVERYWHERE = {"unauthorized", "forbidden", "too_many_requests", "internal_error"}
OF_A_BODY = {"invalid_json", "payload_too_large", "invalid_request"}
RETRIED = {
    next(problems.ANSWERS[kind][1] for kind in error.__mro__ if kind in problems.ANSWERS)
    for error in problems.RETRY_AFTER
}
HEADERS = {
    "X-Request-ID": {
        "description": "The id of this request, to quote to the operator",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again; absent if that would not help",
        "schema": {"type": "integer", "minimum": 0},
    },
}
REQUEST_ID = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}

_used: dict[str, tuple[str, ...]] = {}


def schemas() -> dict[str, Any]:
    """Return the schema of every error's body, and those it refers to."""
    problem = problems.Problem.model_json_schema(ref_template=PREFIX + "{model}")
    return {**problem.pop("$defs"), "Problem": problem}


def of(codes: Iterable[str]) -> dict[str, Any]:
    """Return an operation's answers for these codes, by status, and the errors that every operation may answer."""
    answers = {}
    by_status = sorted(codes, key=lambda code: (STATUSES[code], code))
    for status, group in groupby(by_status, STATUSES.__getitem__):
        together = tuple(group)
        name = "Or".join("".join(map(str.capitalize, code.split("_"))) for code in together)
        _used[name] = together
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return {**answers, "default": {"$ref": "#/components/responses/OtherProblem"}}


def responses() -> dict[str, Any]:
    """Return the answers that `of` was called for, each with its codes."""
    other = {"description": "Any other error, of the gateway for instance, has the same shape", **_content({})}
    return {name: _response(codes) for name, codes in sorted(_used.items())} | {"OtherProblem": other}


def _response(codes: tuple[str, ...]) -> dict[str, Any]:
    retry = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}} if RETRIED.intersection(codes) else {}
    return {
        "description": "\n\n".join(f"`{code}`: {words.error(code)['description']}" for code in codes),
        "headers": {**REQUEST_ID, **retry},
        **_content({"examples": {code: {"value": _example(code)} for code in codes}}),
    }


def _content(more: dict[str, Any]) -> dict[str, Any]:
    return {"content": {body_schemas.JSON_TYPE: {"schema": {"$ref": PREFIX + "Problem"}, **more}}}


def _example(code: str) -> dict[str, Any]:
    said = words.error(code)
    fields = [{"field": said["field"], "message": said["message"].rpartition(": ")[2]}] if "field" in said else []
    return {
        "message": said["message"],
        "code": code,
        **({"errors": fields} if fields else {}),
        "request_id": "5f0c1f5e-7c1b-4f6e-9f5d-0d6a3c1b2a90",
    }
