"""The deployed API Gateway's own answers: errors in our shape, limits by organization."""

import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.rehearsal.conftest import Person
from tests.rehearsal.deployment import STACK, STAGE, Answer, Deployment

pytestmark = pytest.mark.timeout(600)


def in_our_shape(answer: Answer, status: int, code: str) -> bool:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert (answer.status, answer.json["code"]) == (status, code), answer
    assert answer.json["message"]
    assert answer.json["request_id"] == headers["x-request-id"]
    return True


@pytest.mark.parametrize("token", [None, "nonsense", "jat_0000000000000000_nobody"])
def test_nobody_gets_in_without_a_token(deployment: Deployment, token: str | None) -> None:
    assert in_our_shape(deployment.call(token, "GET", "/jobs"), 401, "unauthorized")


def test_a_reader_may_not_change_anything(rita: Person, jaffle: str) -> None:
    assert in_our_shape(rita.call("POST", f"/projects/{jaffle}/jobs", {}), 403, "forbidden")


def test_there_is_no_such_route(alice: Person) -> None:
    assert in_our_shape(alice.call("GET", "/nothing/here"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        ({"name": "x", "colour": "red"}, 422, "invalid_request"),
        (b" " * (256 * 1024 + 1), 413, "payload_too_large"),
    ],
    ids=["no JSON", "wrong fields", "too much"],
)
def test_a_bad_body_gets_an_error_in_our_shape(alice: Person, jaffle: str, body: Any, status: int, code: str) -> None:
    assert in_our_shape(alice.call("POST", f"/projects/{jaffle}/jobs", body), status, code)


def test_another_organization_may_not_be_named(alice: Person) -> None:
    assert in_our_shape(alice.call("GET", "/jobs", x_organization_id="org-globex"), 403, "forbidden")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/console", "text/html"), ("/docs", "text/html"), ("/openapi.json", "application/json")],
)
def test_anyone_gets_the_pages_below_the_stage(deployment: Deployment, path: str, kind: str) -> None:
    page, headers = page_of(deployment, path)

    assert headers["content-type"].startswith(kind)
    assert headers["x-content-type-options"] == "nosniff"
    if kind == "application/json":
        assert json.loads(page)["servers"][0]["url"] == f"/{STAGE}"
        return
    assert "default-src 'none'" in headers["content-security-policy"]
    for name in re.findall(r'(?:href|src)="([^"]+/[^"]+)"', page):
        file, kept = page_of(deployment, f"/{name}")
        assert file
        assert "immutable" in kept["cache-control"]


def page_of(deployment: Deployment, path: str) -> tuple[str, dict[str, str]]:
    """Return a page as a browser without a token gets it, and its headers."""
    address = f"{deployment.cloud.url}/{STAGE}{path}"
    request = Request(address, headers={"Host": deployment.host, "Accept": "text/html"})  # noqa: S310 - it is https
    with urlopen(request, timeout=40, context=deployment.cloud.trust) as response:  # noqa: S310
        return response.read().decode(), {name.lower(): value for name, value in response.headers.items()}


def test_an_organization_over_its_limit_gets_429_and_no_other_does(alice: Person, charlie: Person) -> None:
    def ask(_: int) -> Answer:
        return charlie.call("GET", "/runs/run_none")

    with ThreadPoolExecutor(2) as pool:
        refused = next(answer for answer in pool.map(ask, range(200)) if answer.status == 429)

    assert in_our_shape(refused, 429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) > 0
    assert alice.call("GET", "/runs/run_none").status == 404


def test_the_usage_plan_has_the_parameters_limits_and_a_key_for_each_organization(
    deployment: Deployment, alice: Person, charlie: Person
) -> None:
    assert alice.key != charlie.key
    known = json.loads(deployment.cloud.run(sys.executable, "-c", _KEYS, STACK))

    assert known["throttle"] == {"rateLimit": 2.5, "burstLimit": 20}
    assert {"jobs-api org-acme", "jobs-api org-globex", f"{STACK}-shared"} <= set(known["keys"])


_KEYS = """
import boto3, json, sys
physical = boto3.client("cloudformation").describe_stack_resource(StackName=sys.argv[1], LogicalResourceId="UsagePlan")
plan = physical["StackResourceDetail"]["PhysicalResourceId"]
gateway = boto3.client("apigateway")
keys = [key["name"] for key in gateway.get_usage_plan_keys(usagePlanId=plan)["items"]]
print(json.dumps({"throttle": gateway.get_usage_plan(usagePlanId=plan)["throttle"], "keys": keys}))
"""
