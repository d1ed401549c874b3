"""events/ has one sample for each function, and each function accepts its own."""

import importlib
import json
from pathlib import Path
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from local.cluster import EmbeddedCluster
from tests.functions.people import ROUTES, Context

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(app.parent.name for app in (ROOT / "functions").glob("*/app.py"))
# Endpoints that read nothing of an organization.
EMPTY = {
    "list_audit_log": '{"entries":[]}',
    "list_projects": '{"projects":[],"total":0}',
    "list_all_runs": '{"runs":[]}',
    "list_tokens": '{"tokens":[]}',
}
# An upload form for a Pod is made without reading a record.
ANSWERED = dict.fromkeys([*EMPTY, "get_me", "preview_schedule", "store_artifacts"], 200)
ENDPOINTS = {function.removeprefix("functions/"): route for route, function in ROUTES.items()}


def sample(function: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{function}.json").read_text())
    return event


def test_there_is_a_sample_for_each_function() -> None:
    assert sorted(file.stem for file in (ROOT / "events").glob("*.json")) == FUNCTIONS


@pytest.mark.parametrize("function", sorted(ENDPOINTS))
def test_a_sample_request_is_of_its_own_route_and_is_answered(function: str, embedded_cluster: EmbeddedCluster) -> None:
    assert embedded_cluster.url
    event = sample(function)
    handler = importlib.import_module(f"functions.{function}.app").lambda_handler

    answer = handler(event, cast("LambdaContext", Context()))

    assert (event["httpMethod"], event["resource"]) == ENDPOINTS[function]
    # The samples' organization is not one of the tests', so it has no records.
    assert answer["statusCode"] == ANSWERED.get(function, 404), answer["body"]
    if function in EMPTY:
        assert answer["body"] == EMPTY[function]


def test_the_sample_token_is_nobodys() -> None:
    handler = importlib.import_module("functions.authorize_request.app").lambda_handler

    with pytest.raises(Exception, match=r"^Unauthorized$"):
        handler(sample("authorize_request"), cast("LambdaContext", Context()))
