"""The event of a request, compared with AWS's description of the Lambda proxy integration for REST APIs."""

import base64
import socket

import pytest

from tests.local.conftest import Client


def test_a_handler_gets_the_event_of_api_gateway(gateway: Client) -> None:
    event = gateway.event("GET", "/open/some%20name?a=1", ("User-Agent", "tests"), ("Accept", "*/*"))

    assert event["resource"] == "/open/{name}"
    assert event["path"] == "/open/some%20name"
    # The laptop's address has no stage, as a custom domain's has none, so what the client sent is the route's own path.
    assert event["requestContext"]["path"] == "/open/some%20name"
    assert event["httpMethod"] == "GET"
    assert event["pathParameters"] == {"name": "some name"}
    assert event["queryStringParameters"] == {"a": "1"}
    assert (event["body"], event["isBase64Encoded"], event["stageVariables"]) == (None, False, None)
    context = event["requestContext"]
    assert (context["stage"], context["resourcePath"], context["httpMethod"]) == ("test", "/open/{name}", "GET")
    assert (context["identity"]["sourceIp"], context["identity"]["userAgent"]) == ("127.0.0.1", "tests")
    assert context["requestTimeEpoch"] > 1_700_000_000_000
    assert "authorizer" not in context


def test_header_names_keep_the_clients_spelling(gateway: Client) -> None:
    headers = gateway.event("GET", "/open/x", ("X-Mixed-CASE", "1"), ("x-lower", "2"))["headers"]

    assert (headers["X-Mixed-CASE"], headers["x-lower"]) == ("1", "2")


def test_a_header_that_comes_twice_is_there_with_both_values(gateway: Client) -> None:
    event = gateway.event("GET", "/open/x", ("X-Twice", "first"), ("X-Twice", "last"))

    assert event["headers"]["X-Twice"] == "last"
    assert event["multiValueHeaders"]["X-Twice"] == ["first", "last"]


def test_the_gateway_says_for_whom_it_asks(gateway: Client) -> None:
    headers = gateway.event("GET", "/open/x", ("X-Forwarded-For", "203.0.113.9"), ("Connection", "keep-alive"))[
        "headers"
    ]

    assert headers["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert "Connection" not in headers


def test_query_parameters_are_decoded_and_may_repeat(gateway: Client) -> None:
    event = gateway.event("GET", "/open/x?tag=a%2Bb&tag=c+d&empty=")

    assert event["queryStringParameters"] == {"tag": "c d", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"tag": ["a+b", "c d"], "empty": [""]}
    assert gateway.event("GET", "/open/x")["multiValueQueryStringParameters"] is None


def test_an_encoded_slash_stays_in_its_segment(gateway: Client) -> None:
    assert gateway.event("GET", "/open/a%2Fb")["pathParameters"] == {"name": "a/b"}


def test_a_greedy_parameter_takes_the_rest_of_the_path(gateway: Client) -> None:
    assert gateway.event("GET", "/files/a/b%20c/d")["pathParameters"] == {"path": "a/b c/d"}


def test_a_literal_segment_wins_over_a_parameter(gateway: Client) -> None:
    assert gateway.event("POST", "/open/do", body="text")["resource"] == "/open/do"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "POST"])
def test_any_means_each_method(gateway: Client, method: str) -> None:
    assert gateway.event(method, "/files/x")["httpMethod"] == method


def test_a_head_request_has_no_body_in_its_answer(gateway: Client) -> None:
    answer = gateway.call("HEAD", "/files/x")

    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 0
    assert answer.body == b""


@pytest.mark.parametrize(
    "segment", ["%00", "%ff%fe", "%", "%zz", "..", ".", "%2e%2e", "~!$&'()*,;=:@", "%C3%A9", "a" * 5000]
)
def test_no_path_brings_the_gateway_down(gateway: Client, segment: str) -> None:
    assert gateway.call("GET", f"/open/{segment}").status == 200


@pytest.mark.parametrize("path", ["/", "//", "/open", "/open//", "/open/a/b", "/other", "/open/do/more"])
def test_an_unknown_route_is_refused_in_api_gateways_words(gateway: Client, path: str) -> None:
    answer = gateway.call("GET", path)

    assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_a_method_that_a_resource_does_not_take_is_an_unknown_route(gateway: Client) -> None:
    assert gateway.call("DELETE", "/open/x").status == 403


def test_a_slash_at_the_end_makes_no_difference(gateway: Client) -> None:
    assert gateway.event("GET", "/open/x/")["pathParameters"] == {"name": "x"}


def test_a_text_body_arrives_as_text(gateway: Client) -> None:
    event = gateway.event("POST", "/open/do", ("Content-Type", "text/plain"), body="naïve ☃")

    assert (event["body"], event["isBase64Encoded"]) == ("naïve ☃", False)


def test_a_binary_body_arrives_in_base64(gateway: Client) -> None:
    event = gateway.event("POST", "/open/do", ("Content-Type", "image/png; q=1"), body=b"\x89PNG\x00")

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\x89PNG\x00"


def test_a_body_over_ten_megabytes_is_refused(gateway: Client) -> None:
    answer = gateway.call("POST", "/open/do", body=b"x" * (10 * 1024 * 1024 + 1))

    assert (answer.status, answer.json) == (413, {"message": "Request Too Long"})


def test_a_request_that_is_no_http_gets_400(gateway: Client) -> None:
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(b"GET /open/\xff\x00 HTTP/1.1\r\n\r\n")

        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
