"""docs/openapi.json matches the functions, and describes everything in a user's words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from jobs_api.api.problems import ANSWERS, RETRY_AFTER
from jobs_api.notifications.webhook.payload import TYPES
from local import openapi
from local.openapi.words import MissingWords, Words
from local.template import read
from tests.functions.people import ROUTES

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
CALLS = {
    operation["operationId"]: operation
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
}
WEBHOOKS = {kind: item["post"] for kind, item in DOCUMENT["webhooks"].items()}
# Words about the service's internals, which a user's document must not have.
INTERNAL = re.compile(
    r"\b(store|resolver|handler|pydantic|powertools|lambda|dynamodb|event ?bus|the bus|ingest\w*|jobs_api|validate"
    r"|module|\w+\.py|python)\b",
    re.IGNORECASE,
)
# Words in backticks that the document does not define: Kubernetes', dbt's, JSON's, HTTP's, a token's roles.
KNOWN_OUTSIDE = {
    "null",
    "true",
    "false",
    "dbt",
    "https",
    "Host",
    "Transfer-Encoding",
    "build",
    "run",
    "reader",
    "admin",
    "ImagePullBackOff",
    "OOMKilled",
}
KNOWN_OUTSIDE |= {"DB_PASSWORD", "jobs-api"}
# Calls whose paths name no record, so that they cannot answer 404.
WITHOUT_AN_ID = {
    "list_live_jobs",
    "list_audit_log",
    "get_me",
    "preview_schedule",
    "list_projects",
    "create_project",
    "list_all_runs",
    "list_tokens",
    "create_token",
}


def referred(node: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference stands for."""
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the document."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from parts(part)


def faults(example: Any, schema: dict[str, Any]) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    return [f"{list(fault.path)}: {fault.message}" for fault in OAS31Validator(whole).iter_errors(example)]


def sentences() -> list[str]:
    """Return every sentence of the document; `description` is a field of jobs too, and its examples are none."""
    texts = [
        part[key] for part in parts(DOCUMENT) for key in ("description", "summary") if isinstance(part.get(key), str)
    ]
    return [text for text in texts if text != "Full model refresh at 2 AM"]


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == openapi.text(read(ROOT / "template.yaml")), "run `make openapi`"


def test_every_route_is_documented_under_its_functions_name() -> None:
    assert set(CALLS) == {function.removeprefix("functions/") for function in ROUTES.values()}


def test_it_is_openapi_3_1() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


@pytest.mark.parametrize("call", CALLS)
def test_every_call_is_explained(call: str) -> None:
    operation = CALLS[call]

    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    assert operation["summary"] != operation["description"]
    assert all(referred(parameter)["description"] for parameter in operation["parameters"])
    assert "X-Organization-ID" in {referred(parameter)["name"] for parameter in operation["parameters"]}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_and_field_is_explained(name: str) -> None:
    assert SCHEMAS[name]["description"]
    assert all(field["description"] for field in SCHEMAS[name].get("properties", {}).values())
    # Objects and enumerations have a name, which generated clients use for their classes.
    inline = [part for field in SCHEMAS[name].get("properties", {}).values() for part in parts(field)]
    assert not [part for part in inline if "enum" in part or part.get("type") == "object"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_has_an_example_that_fits(name: str) -> None:
    for field, schema in SCHEMAS[name].get("properties", {}).items():
        examples = schema.get("examples", [])
        # An object has no example: its fields have examples.
        kinds = [referred(kind) for kind in schema.get("anyOf", [schema])]
        inner = [referred(kind["items"]) for kind in kinds if "items" in kind]
        assert examples or any("properties" in kind for kind in (*kinds, *inner)), field
        assert [faults(example, schema) for example in examples] == [[]] * len(examples), field


def test_no_sentence_names_internals_of_the_service() -> None:
    assert sentences()
    assert [text for text in sentences() if INTERNAL.search(text)] == []


def test_a_name_in_backticks_is_one_that_the_document_has() -> None:
    fields = {name for schema in SCHEMAS.values() for name in schema.get("properties", {})}
    words = {word for schema in SCHEMAS.values() for word in schema.get("enum", [])}
    parameters = {referred(one)["name"] for call in (*CALLS.values(), *WEBHOOKS.values()) for one in call["parameters"]}
    codes = {code for _, code in ANSWERS.values()} | {"unauthorized", "internal_error"}
    headers = set(DOCUMENT["components"]["headers"])
    known = fields | words | parameters | codes | headers | set(SCHEMAS) | KNOWN_OUTSIDE

    named = {name for text in sentences() for name in re.findall(r"`([A-Za-z][\w-]*)`", text)}
    assert named - known == set()


@pytest.mark.parametrize("call", CALLS)
def test_every_error_is_documented_by_its_status_with_its_code(call: str) -> None:
    statuses = {code: status for status, code in ANSWERS.values()} | {"unauthorized": 401, "internal_error": 500}
    retried = {"too_many_requests", "cluster_unavailable"}

    told = {}
    for status, answer in CALLS[call]["responses"].items():
        content = referred(answer)["content"]["application/json"]
        if status.startswith("2"):
            continue
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        for code, example in content.get("examples", {}).items():
            assert (example["value"]["code"], str(statuses[code])) == (code, status)
            assert faults(example["value"], content["schema"]) == []
            assert f"`{code}`" in referred(answer)["description"]
            assert code not in retried or "Retry-After" in referred(answer)["headers"]
            told[code] = status

    assert "default" in CALLS[call]["responses"]
    assert {"unauthorized", "forbidden", "too_many_requests", "internal_error"} <= set(told)
    assert ("not_found" in told) is (call not in WITHOUT_AN_ID)


def test_every_status_of_the_gateway_is_documented() -> None:
    given = read(ROOT / "template.yaml").resources("AWS::ApiGateway::RestApi")
    responses = next(given).properties["Body"]["x-amazon-apigateway-gateway-responses"]
    everywhere = {str(one["statusCode"]) for one in responses.values() if "statusCode" in one} - {"404", "413"}

    assert everywhere == {"401", "403", "429"}
    for operation in CALLS.values():
        assert everywhere <= set(operation["responses"])
        assert ("413" in operation["responses"]) is ("requestBody" in operation)


def test_every_error_of_the_service_is_documented() -> None:
    told = {
        code
        for operation in CALLS.values()
        for status, answer in operation["responses"].items()
        if not status.startswith("2")
        for code in referred(answer)["content"]["application/json"].get("examples", {})
    }

    assert told == {code for _, code in ANSWERS.values()} | {"unauthorized", "internal_error"}
    assert set(RETRY_AFTER) <= {kind for known in ANSWERS for kind in (known, *known.__subclasses__())}


@pytest.mark.parametrize("call", CALLS)
def test_every_body_and_answer_has_an_example_that_fits(call: str) -> None:
    operation = CALLS[call]
    given = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    contents = [content for answer in given for content in answer["content"].values()]
    body = operation.get("requestBody", {"content": {}})["content"].values()

    assert contents
    for content in contents:
        kinds = content["schema"].get("anyOf", [content["schema"]])
        examples = (
            [content["example"]] if "example" in content else [one["value"] for one in content["examples"].values()]
        )
        assert [faults(example, kind) for example, kind in zip(examples, kinds, strict=True)] == [[]] * len(kinds)
    for content in body:
        assert content["examples"]
        for example in content["examples"].values():
            assert example["summary"]
            assert faults(example["value"], content["schema"]) == []


def test_headers_are_documented_where_they_apply() -> None:
    with_key = {
        call
        for call, operation in CALLS.items()
        if "Idempotency-Key" in {referred(parameter)["name"] for parameter in operation["parameters"]}
    }
    located = {
        call
        for call, operation in CALLS.items()
        for answer in operation["responses"].values()
        if "Location" in referred(answer).get("headers", {})
    }

    assert with_key == {
        "create_project",
        "create_token",
        "create_job",
        "apply_jobs",
        "rollback_job",
        "trigger_job",
        "cancel_run",
        "retry_run",
    }
    assert located == {"create_project", "create_job"}


def test_the_schema_of_a_put_has_no_defaults() -> None:
    body = CALLS["update_job"]["requestBody"]["content"]["application/json"]["schema"]
    update = referred(body)

    assert "required" not in update
    for field in update["properties"].values():
        for part in parts(field):
            assert "default" not in part
            assert not [inner for inner in parts(referred(part)) if "default" in inner]
    assert update["properties"].keys() == SCHEMAS["JobCreate"]["properties"].keys()
    # The schema of a new job has them, because a new job gets them.
    assert SCHEMAS["JobCreate"]["properties"]["enabled"]["default"] is True


@pytest.mark.parametrize("kind", [*TYPES.values(), "test"])
def test_every_webhook_is_documented(kind: str) -> None:
    content = WEBHOOKS[kind]["requestBody"]["content"]["application/json"]

    assert content["example"]["type"] == kind
    assert faults(content["example"], content["schema"]) == []
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} == {
        one["name"] for one in WEBHOOKS[kind]["parameters"]
    }
    assert set(WEBHOOKS) == {*TYPES.values(), "test"}


def test_a_field_without_words_stops_the_writing() -> None:
    with pytest.raises(MissingWords, match="no_such_field"):
        Words().field("Job", "no_such_field")


def test_a_schema_and_a_call_without_words_stop_the_writing() -> None:
    words = Words()
    words.operations["get_image"] = {"tag": "Runs", "summary": "Get the image", "description": "Returns the image."}

    with pytest.raises(MissingWords, match="says nothing of Image"):
        words.field("Image", "name")
    with pytest.raises(MissingWords, match=r"lacks \['answer'\] of get_image"):
        words.operation("get_image")


def test_words_without_a_field_stop_the_writing() -> None:
    with pytest.raises(MissingWords, match="no longer"):
        Words().all_said()
