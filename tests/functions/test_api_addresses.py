"""The API has several addresses: API Gateway's own with the stage, a custom domain, one with a base path.

On each of them a route is the same, and `Location` is a path that the client can follow there.
"""

import importlib
import json
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api.model.project import Project
from tests.functions.people import (
    ON_A_DOMAIN,
    ON_ITS_OWN_ADDRESS,
    ROOT,
    UNDER_A_BASE_PATH,
    Context,
    Person,
)

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}
# A mapping of a domain that names no stage leaves the stage in both paths.
UNDER_A_BASE_PATH_AND_STAGE = ("/data/dev", "/data/dev")
# The base path has the same words as the routes.
UNDER_OUR_WORDS = ("/api/v1", "/api/v1")
ADDRESSES = [ON_ITS_OWN_ADDRESS, ON_A_DOMAIN, UNDER_A_BASE_PATH, UNDER_A_BASE_PATH_AND_STAGE, UNDER_OUR_WORDS]


def path(project: Project) -> str:
    return f"/api/v1/projects/{project.id}/jobs"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_location_can_be_followed_where_the_job_was_made(
    address: tuple[str, str], alice: Person, jaffle: Project
) -> None:
    answer = alice.call("POST", path(jaffle), BUILD, before=address)

    assert answer.status == 201
    assert answer.headers["Location"] == f"{address[1]}{path(jaffle)}/{answer.json['id']}"
    route = answer.headers["Location"].removeprefix(address[1])
    assert alice.call("GET", route, before=address).json["id"] == answer.json["id"]


def test_an_answer_given_again_on_another_address_leads_to_that_address(alice: Person, jaffle: Project) -> None:
    key = {"Idempotency-Key": "k-1"}

    answers = [alice.call("POST", path(jaffle), BUILD, headers=key, before=address) for address in ADDRESSES]

    assert {answer.text for answer in answers} == {answers[0].text}
    here = f"{path(jaffle)}/{answers[0].json['id']}"
    assert [answer.headers["Location"] for answer in answers] == [address[1] + here for address in ADDRESSES]


def test_a_refused_create_has_no_location(alice: Person, jaffle: Project) -> None:
    assert "Location" not in alice.call("POST", path(jaffle), {}).headers


def test_the_sample_of_a_new_job_is_answered_with_the_stage_in_its_location(alice: Person, analytics: Project) -> None:
    text = (ROOT / "events" / "create_job.json").read_text()
    event = json.loads(text.replace("org-acme", alice.organization_id).replace("proj_xyz", analytics.id))

    answer = importlib.import_module("functions.create_job.app").lambda_handler(event, cast("LambdaContext", Context()))

    assert answer["statusCode"] == 201, answer
    assert answer["multiValueHeaders"]["Location"] == [f"/dev{path(analytics)}/{json.loads(answer['body'])['id']}"]


@pytest.mark.parametrize("sample", sorted((ROOT / "events").glob("*.json")), ids=lambda file: file.stem)
def test_a_sample_request_has_both_paths(sample: Any) -> None:
    event = json.loads(sample.read_text())

    if "requestContext" in event:
        context = event["requestContext"]
        assert context["path"] == f"/{context['stage']}{event['path']}"
