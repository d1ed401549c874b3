"""The client's answer, for each value that a handler can return and for failures."""

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.listening import PortTaken, listen
from local.template import Template
from tests.local.conftest import Answer, Client

FAILED = {"said": "Internal server error", "stage": "test", "resource": "/open/do"}


def returned(gateway: Client, answer: Any, *headers: tuple[str, str]) -> Answer:
    return gateway.call("POST", "/open/do", *headers, body={"return": answer})


def test_status_headers_and_body_are_the_handlers(gateway: Client) -> None:
    answer = returned(
        gateway,
        {
            "statusCode": 201,
            "headers": {"Location": "/x", "X-Both": "single", "X-Number": 3, "X-Flag": True},
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "x-both": ["multi"]},
            "body": "naïve",
        },
    )

    assert (answer.status, answer.body.decode()) == (201, "naïve")
    assert (answer.headers["location"], answer.headers["x-number"], answer.headers["x-flag"]) == ("/x", "3", "true")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert answer.headers.get_all("x-both") == ["multi"]
    assert answer.headers["content-type"] == "application/json"


def test_an_empty_object_is_an_empty_200(gateway: Client) -> None:
    answer = returned(gateway, {})

    assert (answer.status, answer.body) == (200, b"")


def test_headers_of_the_gateways_own_are_handed_on_under_another_name(gateway: Client) -> None:
    headers = returned(gateway, {"headers": {"WWW-Authenticate": "Bearer", "Date": "long ago"}}).headers

    assert headers["x-amzn-remapped-www-authenticate"] == "Bearer"
    assert headers["x-amzn-remapped-date"] == "long ago"
    assert "www-authenticate" not in headers


def test_base64_is_decoded_for_a_client_that_accepts_a_binary_type_first(gateway: Client) -> None:
    encoded = base64.b64encode(b"\x89PNG\x00")
    png = {"body": encoded.decode(), "isBase64Encoded": True}

    assert returned(gateway, png, ("Accept", "image/png, */*")).body == b"\x89PNG\x00"
    assert returned(gateway, png, ("Accept", "text/html, image/png")).body == encoded


def test_every_answer_names_its_request(gateway: Client) -> None:
    answer = gateway.call("GET", "/open/x")

    assert answer.headers["x-amzn-requestid"] == answer.json["event"]["requestContext"]["requestId"]
    assert answer.headers["x-amzn-requestid"] != answer.json["request_id"]


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "text",
        [],
        {"statusCode": "many"},
        {"statusCode": 200, "body": {"not": "a string"}},
        {"statusCode": 200, "cookies": []},
        {"statusCode": 200, "headers": {"X": {"deep": 1}}},
        {"statusCode": 200, "headers": ["X: 1"]},
    ],
)
def test_an_answer_in_another_form_is_502(gateway: Client, malformed: Any) -> None:
    answer = returned(gateway, malformed)

    assert (answer.status, answer.json) == (502, FAILED)


def test_a_handler_that_raises_is_a_502_without_details(gateway: Client) -> None:
    answer = gateway.call("POST", "/open/do", body={"raise": "a secret"})

    assert (answer.status, answer.json) == (502, FAILED)
    assert answer.headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_an_answer_over_six_megabytes_is_502(gateway: Client) -> None:
    assert gateway.call("POST", "/open/do", body={"size": 6 * 1024 * 1024}).status == 502
    assert gateway.call("POST", "/open/do", body={"size": 5 * 1024 * 1024}).status == 200


def test_a_handler_over_its_own_timeout_is_502(gateway: Client) -> None:
    assert gateway.call("POST", "/hasty", body={"sleep": 1.2}).status == 502


@pytest.fixture
def impatient(small_template: Template) -> Iterator[Client]:
    """A gateway that waits a fifth of a second instead of 29."""
    functions = Functions(small_template.functions())
    with Gateway(definition_of(small_template), functions, listen(), timeout_seconds=0.2) as running:
        yield Client(running.url)


def test_a_handler_that_outlasts_the_gateway_is_504(impatient: Client) -> None:
    answer = impatient.call("POST", "/open/do", body={"sleep": 0.5})

    assert (answer.status, answer.json["said"]) == (504, "Endpoint request timed out")
    assert impatient.call("GET", "/open/x").status == 200


def test_a_taken_port_is_named(gateway: Client) -> None:
    port = int(gateway.url.rpartition(":")[2])

    with pytest.raises(PortTaken, match=f"Port {port} of 127.0.0.1 is taken"):
        listen(port)


@pytest.mark.parametrize(
    ("method", "path"), [("SPEAK", "/api/echo"), ("GET", "/api/" + "x" * 65_536), ("GET", "/\x7f")]
)
def test_malformed_http_is_answered_by_the_gateway(gateway: Client, method: str, path: str) -> None:
    with socket.create_connection((urlsplit(gateway.url).hostname, urlsplit(gateway.url).port or 0)) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = json.loads(answer.read())

    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "BadRequestException")
    assert body == {"message": "Bad Request"}
    assert answer.headers["x-amzn-RequestId"]


def test_a_cors_preflight_needs_no_token(gateway: Client) -> None:
    answer = gateway.call("OPTIONS", "/guarded/x", ("Origin", "https://example.com"))

    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET,OPTIONS,PUT"
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization"
    assert answer.headers["Access-Control-Max-Age"] == "600"
