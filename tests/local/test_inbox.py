"""The inbox of the laptop stack: what it receives, and its verdicts."""

import base64
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from jobs_api.model.commands import ProjectType
from jobs_api.notifications.webhook import http, payload
from local.inbox import Inbox
from tests.functions.people import new_organization, new_project
from tests.notifications.notification_world import new_job

KEY = f"whsec_{base64.b64encode(bytes(32)).decode()}"


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path, frozenset({"xoxb-laptop"})) as running:
        yield running


@pytest.fixture
def allowed(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """The inbox, with functions that find it by their own parameters."""
    for name, value in inbox.environment("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    return inbox


def newest(inbox: Inbox) -> dict[str, Any]:
    return inbox.messages.documents()[0]


def test_a_webhook_that_is_signed_with_the_jobs_secret_is_verified(allowed: Inbox) -> None:
    project = new_project(new_organization("inbox").id, "jaffle", ProjectType.DBT)
    job, key = new_job(project, webhook_enabled=True, webhook_url=f"{allowed.hooks}/any")
    now = datetime.now(UTC)
    body = payload.test_body(payload.Named(id=project.id, name="x"), payload.Named(id=job.id, name="y"), now)
    assert key

    assert http.post(f"{allowed.hooks}/any", body, payload.headers("test_1", body, [key], now)).accepted
    assert (newest(allowed)["good"], newest(allowed)["verdict"]) == (True, "signature verified")
    assert newest(allowed)["body"]["type"] == "test"
    http.post(f"{allowed.hooks}/any", body, payload.headers("test_1", body, [KEY], now))
    assert not newest(allowed)["good"]
    assert newest(allowed)["verdict"].startswith("signature refused")
    http.post(f"{allowed.hooks}/any", body, {})
    assert (newest(allowed)["good"], newest(allowed)["verdict"]) == (False, "not signed")


@pytest.mark.parametrize("body", [b"[]", b"not JSON", b'{"data": {"project": {"id": "p"}, "job": {"id": "j"}}}'])
def test_every_webhook_is_shown(allowed: Inbox, body: bytes) -> None:
    now = datetime.now(UTC)
    answer = http.post(f"{allowed.hooks}/any", body, payload.headers("m", body, [KEY], now))

    assert answer.accepted
    assert "not known here" in newest(allowed)["verdict"]


def test_the_inbox_answers_the_status_and_the_retry_after_of_the_query(allowed: Inbox) -> None:
    answer = http.post(f"{allowed.hooks}/any?status=503&retry_after=7", b"{}", {})

    assert answer.status == 503
    assert answer.retry_after
    assert answer.retry_after.seconds == 7
    assert newest(allowed)["verdict"].endswith("answered 503")
    assert newest(allowed)["to"] == "/_inbox/hooks/any?status=503&retry_after=7"


def test_slacks_own_client_posts_to_it(inbox: Inbox) -> None:
    address = urlsplit(inbox.hooks)
    trusted = ssl.create_default_context(cafile=inbox.environment("")["WEBHOOK_CA_FILE"])
    base = f"https://{address.netloc}/_inbox/slack/api/"
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "hi"}}]
    client = WebClient("xoxb-laptop", base_url=base, ssl=trusted)

    assert client.chat_postMessage(channel="#data", text="hi", blocks=blocks)["ok"]
    assert newest(inbox)["kind"] == "slack"
    assert newest(inbox)["body"]["blocks"] == blocks
    assert "authorization" not in newest(inbox)["headers"]
    for channel, error in (("#no-such", "channel_not_found"), ("#archived-2019", "is_archived"), ("#busy-one", "rate")):
        with pytest.raises(SlackApiError, match=error):
            client.chat_postMessage(channel=channel, text="hi")
        assert not newest(inbox)["good"]
    with pytest.raises(SlackApiError, match="invalid_auth"):
        WebClient("xoxb-wrong", base_url=base, ssl=trusted).chat_postMessage(channel="#data", text="hi")


def ask(inbox: Inbox, path: str, method: str = "GET") -> str:
    trusted = ssl.create_default_context(cafile=inbox.environment("")["WEBHOOK_CA_FILE"])
    connection = HTTPSConnection("localhost", inbox.port, context=trusted, timeout=60)
    try:
        connection.request(method, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_the_page_and_the_same_as_json(inbox: Inbox) -> None:
    inbox.messages.add("slack", "#data", "posted", {"authorization": "Bearer x"}, {"text": "hi"}, good=True)

    assert "<title>Inbox</title>" in ask(inbox, "/_inbox")
    shown = json.loads(ask(inbox, "/_inbox/messages"))
    assert [message["number"] for message in shown["messages"]] == [1]
    assert shown["hooks"] == inbox.hooks
    assert json.loads(ask(inbox, "/_inbox/messages?after=1"))["messages"] == []


def test_the_page_has_the_style_of_the_console(inbox: Inbox) -> None:
    style = Path(__file__).parents[2] / "console/style.css"

    assert 'href="/_inbox/style.css"' in ask(inbox, "/_inbox")
    assert ask(inbox, "/_inbox/style.css") == style.read_text()


def test_a_page_that_is_open_learns_that_the_inbox_was_cleared(inbox: Inbox) -> None:
    inbox.messages.add("slack", "#data", "posted", {}, {"text": "hi"}, good=True)
    before = json.loads(ask(inbox, "/_inbox/messages"))

    assert ask(inbox, "/_inbox/messages", "DELETE") == ""

    after = json.loads(ask(inbox, "/_inbox/messages"))
    assert after["messages"] == []
    assert after["since"] > before["since"]


@pytest.mark.parametrize(
    "query",
    [
        *("status=abc", "status=99", "status=600", "status=", "status=9999999999999999999", "status=%D9%A3"),
        *("delay=nan", "delay=-1", "delay=1e9", "retry_after=a%0Ab", "retry_after=%C3%A9"),
    ],
)
def test_a_query_that_makes_no_sense_is_a_bad_request(allowed: Inbox, query: str) -> None:
    assert http.post(f"{allowed.hooks}/any?{query}", b"{}", {}).status == 400


@pytest.mark.parametrize("after", ["x", "-1", "1e3", "9" * 500])
def test_an_after_that_is_no_number_is_a_bad_request(inbox: Inbox, after: str) -> None:
    assert "after must be a whole number" in ask(inbox, f"/_inbox/messages?after={after}")


@pytest.mark.parametrize(
    "body", [b"NaN", b'{"a": Infinity}', b'"\\ud800"', b"\xff", b"[" * 100_000, b'{"data": {"project": {"id": 1}}}']
)
def test_every_body_can_be_shown(allowed: Inbox, body: bytes) -> None:
    http.post(f"{allowed.hooks}/any", body, {"webhook-signature": "v1,x"})

    assert len(json.loads(ask(allowed, "/_inbox/messages"))["messages"]) == 1
