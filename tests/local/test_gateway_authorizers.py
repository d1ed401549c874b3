"""Which requests the gateway's authorizers let pass, and what the handler learns about the caller."""

from dataclasses import replace
from typing import Any

import pytest

from local.functions import Functions
from local.gateway.answers import GatewayRefusal
from local.gateway.authorizing import Authorization
from local.gateway.definition import UsagePlan, definition_of
from local.gateway.requests import Request
from local.gateway.routing import Router
from local.template import Template
from tests.local.conftest import Client


def bearer(word: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {word}")


def test_the_handler_gets_the_authorizers_context_as_strings(gateway: Client) -> None:
    authorizer = gateway.event("GET", "/guarded/x", bearer("alice"))["requestContext"]["authorizer"]

    assert authorizer["principalId"] == "alice"
    assert (authorizer["name"], authorizer["number"], authorizer["flag"]) == ("alice", "7", "true")


def test_without_a_token_the_template_says_what_is_answered(gateway: Client) -> None:
    answer = gateway.call("GET", "/guarded/x", ("User-Agent", "tests"))

    request_id = answer.headers["x-amzn-requestid"]
    assert (answer.status, answer.json) == (401, {"said": "Unauthorized", "type": "UNAUTHORIZED", "id": request_id})
    assert answer.headers["x-request-id"] == request_id
    assert (answer.headers["x-literal"], answer.headers["x-agent"]) == ("yes", "tests")


@pytest.mark.parametrize(
    ("word", "status"),
    [("nobody", 401), ("banned", 403), ("broken", 500), ("nonsense", 500)],
)
def test_a_refusal_has_the_status_of_its_reason(gateway: Client, word: str, status: int) -> None:
    assert gateway.call("GET", "/guarded/x", bearer(word)).status == status


def test_an_authorizer_that_fails_has_no_message(gateway: Client) -> None:
    assert gateway.call("GET", "/guarded/x", bearer("broken")).json["said"] is None


def test_a_cached_policy_is_applied_to_each_method(gateway: Client) -> None:
    assert gateway.call("GET", "/guarded/x", bearer("bob")).status == 200
    assert gateway.call("PUT", "/guarded/x", bearer("bob")).status == 403
    assert gateway.call("GET", "/guarded/y", bearer("bob")).status == 200


def test_a_request_authorizer_needs_all_its_headers(gateway: Client) -> None:
    assert gateway.call("GET", "/signed", ("X-User", "alice")).status == 401
    assert gateway.call("GET", "/signed", ("X-User", "alice"), ("X-Signature", "s")).status == 200


class Door:
    """The authorization of the small service, with a clock to set."""

    def __init__(self, template: Template, functions: Functions, plan: UsagePlan | None = None) -> None:
        self.now = 1000.0
        self.keys = {"alice", "bob"}
        api = definition_of(template)
        api = replace(api, usage_plan=plan) if plan else api
        self._authorization = Authorization(api, functions, lambda key: key in self.keys, lambda: self.now)
        self._router = Router(api.routes)

    def knock(self, word: str, path: str = "/guarded/x", header: str | None = None) -> dict[str, Any]:
        found = self._router.find("GET", path)
        assert found is not None
        value = f"Bearer {word}" if header is None else header
        request = Request("GET", path, "", [("Authorization", value)], b"", "127.0.0.1")
        context = self._authorization.authorize(found[0], request, {})
        assert context is not None
        return context


@pytest.fixture
def door(small_template: Template, functions: Functions) -> Door:
    return Door(small_template, functions)


def test_an_answer_is_kept_for_its_time_to_live(door: Door) -> None:
    assert door.knock("alice")["asked"] == "1"
    assert door.knock("bob")["asked"] == "2"
    door.now += 299
    assert door.knock("alice", "/guarded/y")["asked"] == "1"
    door.now += 2
    assert door.knock("alice")["asked"] == "3"


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer "])
def test_a_malformed_token_is_not_passed_to_the_authorizer(door: Door, header: str) -> None:
    with pytest.raises(GatewayRefusal, match="UNAUTHORIZED"):
        door.knock("", header=header)

    assert door.knock("alice")["asked"] == "1"


def test_each_key_has_a_bucket_of_its_own_that_fills_again(small_template: Template, functions: Functions) -> None:
    door = Door(small_template, functions, UsagePlan("plan", rate=2, burst=3))
    for _ in range(3):
        door.knock("alice")

    with pytest.raises(GatewayRefusal, match="THROTTLED"):
        door.knock("alice")
    door.knock("bob")
    door.now += 0.5
    door.knock("alice")
    with pytest.raises(GatewayRefusal, match="THROTTLED"):
        door.knock("alice")
    door.now += 3600
    for _ in range(3):
        door.knock("alice")
    with pytest.raises(GatewayRefusal, match="THROTTLED"):
        door.knock("alice")


def test_a_key_outside_the_plan_is_refused(door: Door) -> None:
    door.keys = set()
    with pytest.raises(GatewayRefusal, match="INVALID_API_KEY"):
        door.knock("alice")
    door.keys = {"alice"}
    door.knock("alice")


def test_the_usage_plan_is_the_templates(small_template: Template) -> None:
    assert definition_of(small_template).usage_plan == UsagePlan("laptop-UsagePlan", rate=1000, burst=2000)
