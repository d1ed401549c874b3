"""Documents, for OpenAPI, the bodies that handlers read or write themselves."""

from dataclasses import dataclass
from http import HTTPStatus
from types import UnionType
from typing import Any, Final

from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse, OpenAPIResponseContentSchema
from pydantic import BaseModel

from jobs_api.model.document import Document

JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain"


@dataclass(frozen=True)
class _BodySchema:
    """The schema of a body, made only for the API's documentation: processes that answer requests do not need it."""

    model: type[BaseModel]
    partial: bool

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        schema = self.model.model_json_schema(ref_template="#/components/schemas/{model}")
        # The schemas that it refers to are also part of some answer, and so are in the document.
        schema.pop("$defs", None)
        optional = schema["properties"].keys() - set(schema.get("required", []))
        schema["properties"] |= {name: _or_null(schema["properties"][name]) for name in optional}
        if self.partial:
            schema.pop("required", None)
            for field in schema["properties"].values():
                # A client that fills in defaults would change fields that its user did not set.
                field.pop("default", None)
        return schema


def _or_null(field: dict[str, Any]) -> dict[str, Any]:
    """Let an optional field of a body be `null`, which stands for its default."""
    kinds = field.get("anyOf") or [{key: part for key, part in field.items() if key not in {"title", "default"}}]
    rest = {key: part for key, part in field.items() if key in {"title", "default"}}
    return {"anyOf": [kind for kind in kinds if kind != {"type": "null"}] + [{"type": "null"}], **rest}


def schema_of(model: type[BaseModel], *, partial: bool = False) -> _BodySchema:
    """Show a model's fields in the API's documentation; with `partial`, no field is required or has a default.

    For bodies that the handler validates, because the rules depend on stored data:
    `document: Annotated[dict[str, Any], Body(), schema_of(JobSettings)]`.
    """
    return _BodySchema(model, partial)


def json_or_text(model: type[Document] | UnionType) -> dict[int, OpenAPIResponse]:
    """Document the two answers of `Api.document_or_text`; such a handler returns `Response[Any]`."""
    text: OpenAPIResponseContentSchema = {"schema": {"type": "string"}}
    return {HTTPStatus.OK: {"description": "OK", "content": {JSON_TYPE: {"model": model}, TEXT_TYPE: text}}}


def json_of(model: type[Document]) -> dict[int, OpenAPIResponse]:
    """Document the answer of `Api.written`; such a handler returns `Response[Any]`."""
    return {HTTPStatus.OK: {"description": "Successful Response", "content": {JSON_TYPE: {"model": model}}}}
