"""A web page in a browser on the laptop can only call the API with a token, and nothing else of the stack."""

import http.client
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from local.emulator.admission import new_access_key
from local.inbox import PREFIX, Inbox
from local.loopback import REFUSAL, is_loopback, is_own_page
from tests.fast_moto.test_moto_wire import client_over_http
from tests.local.conftest import Client

EVIL = "https://evil.example"
SCAN = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}


def signed(key: str) -> dict[str, str]:
    scope = f"{key}/20260428/us-east-1/dynamodb/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


def ask(
    url: str, method: str, path: str, headers: dict[str, str], body: str = ""
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Send a request with exactly these headers, `Host` too where it is among them."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection = http.client.HTTPConnection(parts.netloc, timeout=60)
    if parts.scheme == "https":
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(parts.netloc, timeout=60, context=trusting)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    with closing(connection):
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def aws(method: str, headers: dict[str, str], path: str = "/") -> tuple[int, http.client.HTTPMessage, bytes]:
    return ask(os.environ["AWS_ENDPOINT_URL"], method, path, headers, "{}" if method == "POST" else "")


def own_key() -> str:
    return os.environ["AWS_ACCESS_KEY_ID"]


def test_a_request_with_the_key_of_this_start_is_answered() -> None:
    status, headers, body = aws("POST", SCAN | signed(own_key()))

    assert (status, "TableNames" in json.loads(body)) == (200, True)
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed("LOCALLOCALLOCALLOCAL"),
        signed(""),
        {"Authorization": "AWS4-HMAC-SHA256 Credential=" + "A" * 60_000},
        {"Authorization": "Basic bG9jYWw6bG9jYWw="},
    ],
    ids=["unsigned", "the key of every start before", "empty", "long", "basic"],
)
def test_a_request_without_the_key_is_refused(headers: dict[str, str]) -> None:
    assert aws("POST", SCAN | headers)[0] == 403


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:8000", "own"])
def test_no_page_is_answered_even_with_the_key(origin: str) -> None:
    headers = {"Origin": os.environ["AWS_ENDPOINT_URL"] if origin == "own" else origin}

    status, answered, _ = aws("POST", SCAN | signed(own_key()) | headers)

    assert status == 403
    assert not [name for name in answered if name.lower().startswith("access-control-")]


def test_a_preflight_allows_nothing() -> None:
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target"}

    status, answered, _ = aws("OPTIONS", asked)

    assert status == 403
    assert not [name for name in answered if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost@evil.example", ""])
def test_a_host_name_that_resolves_to_loopback_is_refused(host: str) -> None:
    assert aws("POST", SCAN | signed(own_key()) | {"Host": host})[0] == 403


@pytest.mark.parametrize("path", ["/moto-api/", "/moto-api/data.json", "/moto-api/reset"])
def test_motos_own_pages_are_for_nobody_without_the_key(path: str) -> None:
    assert aws("POST" if path.endswith("reset") else "GET", {}, path)[0] == 403
    assert boto3.client("dynamodb").list_tables()["TableNames"]


def test_both_kinds_of_presigned_links_state_the_key() -> None:
    boto3.client("s3").create_bucket(Bucket="pages")
    for version in ("s3", "s3v4"):
        client = boto3.client("s3", config=Config(signature_version=version))
        link = client.generate_presigned_url("list_objects", Params={"Bucket": "pages"})
        parts = urlsplit(link)
        assert ask(os.environ["AWS_ENDPOINT_URL"], "GET", f"{parts.path}?{parts.query}", {})[0] == 200
        other = parts.query.replace(own_key(), "LOCALLOCALLOCALLOCAL")
        assert ask(os.environ["AWS_ENDPOINT_URL"], "GET", f"{parts.path}?{other}", {})[0] == 403


@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs", "events", "kms", "secretsmanager", "apigateway"])
def test_clients_of_other_processes_reach_each_service(service: str) -> None:
    calls: dict[str, str] = {
        "dynamodb": "list_tables",
        "s3": "list_buckets",
        "sqs": "list_queues",
        "events": "list_event_buses",
        "kms": "list_keys",
        "secretsmanager": "list_secrets",
        "apigateway": "get_api_keys",
    }
    answer: Any = getattr(client_over_http(service), calls[service])()

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_each_start_has_a_key_of_its_own() -> None:
    keys = {new_access_key() for _ in range(20)}

    assert len(keys) == 20
    assert all(len(key) == 20 and key.isalnum() for key in keys)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path, frozenset({"xoxb-laptop"})) as running:
        yield running


def inbox_url(inbox: Inbox) -> str:
    return f"https://localhost:{inbox.port}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PREFIX),
        ("GET", f"{PREFIX}/messages"),
        ("DELETE", f"{PREFIX}/messages"),
        ("POST", f"{PREFIX}/hooks/x"),
        ("POST", f"{PREFIX}/slack/api/chat.postMessage"),
    ],
)
@pytest.mark.parametrize("headers", [{"Origin": EVIL}, {"Origin": "null"}, {"Host": "evil.example"}])
def test_the_inbox_answers_no_page_from_elsewhere(
    inbox: Inbox, method: str, path: str, headers: dict[str, str]
) -> None:
    inbox.messages.add("webhook", "x", "x", {}, {}, good=True)

    status, answered, body = ask(inbox_url(inbox), method, path, headers)

    assert (status, json.loads(body)["code"]) == (403, "forbidden")
    assert not [name for name in answered if name.lower().startswith("access-control-")]
    assert len(inbox.messages.documents()) == 1


def test_the_inbox_answers_its_own_page_and_programs(inbox: Inbox) -> None:
    inbox.messages.add("webhook", "x", "x", {}, {}, good=True)
    url = inbox_url(inbox)

    assert ask(url, "POST", f"{PREFIX}/hooks/x", {}, "{}")[0] == 200
    status, headers, _ = ask(url, "GET", PREFIX, {})
    assert (status, headers["Content-Security-Policy"]) == (200, "frame-ancestors 'none'")
    assert ask(url, "DELETE", f"{PREFIX}/messages", {"Origin": url})[0] == 204
    assert inbox.messages.documents() == []


def test_the_gateway_refuses_a_host_name_that_resolves_to_loopback(gateway: Client) -> None:
    status, _, body = ask(gateway.url, "GET", "/things", {"Host": "evil.example:3000"})

    assert (status, json.loads(body)["code"]) == (403, "forbidden")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_the_gateway_answers_by_the_names_of_this_machine(gateway: Client, name: str) -> None:
    port = urlsplit(gateway.url).port

    for headers in ({"Host": f"{name}:{port}", "Origin": EVIL}, {"Host": f"{name}:8080"}, {"Host": name}):
        assert REFUSAL.encode() not in ask(gateway.url, "GET", "/nowhere", headers)[2]


@given(st.text(max_size=40))
def test_any_text_is_either_loopback_or_not(host: str) -> None:
    assert is_loopback(host) in {True, False}
    assert not is_loopback(f"{host}x.example")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "localhost@evil.example", "a@localhost", "[", ""],
)
def test_any_other_host_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]:3000"])
def test_a_loopback_host_is_recognized(host: str) -> None:
    assert is_loopback(host)


def test_a_page_of_another_port_is_another_page() -> None:
    assert is_own_page("http://localhost:3000", "localhost:3000")
    assert not is_own_page("http://localhost:8000", "localhost:3000")
    assert not is_own_page("http://127.0.0.1:3000", "localhost:3000")
