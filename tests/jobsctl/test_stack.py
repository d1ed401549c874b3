"""jobsctl finds what a deployed stack consists of by asking CloudFormation."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from jobs_api.ids import new_id
from jobsctl import stack
from jobsctl.__main__ import main
from tests.calls_to_aws import Call, intercept_aws
from tests.permissions.policies import STACK

KEY = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {**KEY, "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]},
}


RESOURCES: dict[str, Any] = {
    **{logical_id: TABLE for logical_id in stack.LOGICAL_IDS if logical_id.endswith("Table")},
    "LogsBucket": {"Type": "AWS::S3::Bucket"},
    "PulseQueue": {"Type": "AWS::SQS::Queue"},
}


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment that names nothing."""
    before = dict(os.environ)
    for name in (*stack.NEEDED, "IDEMPOTENCY_TABLE", "SLACK_SECRETS", "SHARED_USAGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def deployed() -> Iterator[Callable[..., None]]:
    """A function that deploys a stack of the name that deploy/policies is filled in with; it is gone after the test."""
    client: Any = boto3.client("cloudformation")

    def create(made: dict[str, Any], outputs: dict[str, Any] | None = None) -> None:
        client.create_stack(StackName=STACK, TemplateBody=json.dumps({"Resources": made, "Outputs": outputs or {}}))

    yield create
    client.delete_stack(StackName=STACK)


@pytest.fixture
def shared_key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The value of an API key that stands among a stack's resources, where moto's CloudFormation can make none."""
    value = new_id() * 2
    made = boto3.client("apigateway").create_api_key(name="shared", value=value, enabled=True)

    def with_the_key(call: Call) -> Any:
        answer = call.make()
        if call.operation == "ListStackResources":
            entry = {"LogicalResourceId": "SharedApiKey", "PhysicalResourceId": made["id"]}
            answer["StackResourceSummaries"].append(entry)
        return answer

    intercept_aws(monkeypatch, with_the_key)
    return value


@pytest.mark.usefixtures("unknown")
def test_a_stack_says_where_its_things_are_and_how_requests_are_counted(
    deployed: Callable[..., None], shared_key: str
) -> None:
    deployed(RESOURCES, {"SlackSecrets": {"Value": "ours/slack/"}})

    stack.use(STACK)

    assert os.environ["RUNS_TABLE"].startswith(f"{STACK}-RunsTable")
    assert os.environ["LOGS_BUCKET"].startswith(f"{STACK}-logsbucket")
    assert (os.environ["SHARED_USAGE_KEY"], os.environ["SLACK_SECRETS"]) == (shared_key, "ours/slack/")


@pytest.mark.usefixtures("unknown")
def test_a_stack_that_is_no_jobs_api_is_refused(deployed: Callable[..., None]) -> None:
    deployed({"LogsBucket": {"Type": "AWS::S3::Bucket"}})

    with pytest.raises(LookupError, match="is not a Jobs API: it has no resource for ORGANIZATIONS_TABLE"):
        stack.use(STACK)


@pytest.mark.usefixtures("unknown")
def test_without_a_stack_the_environment_has_to_say_it() -> None:
    with pytest.raises(LookupError, match="name the deployed stack with --stack"):
        stack.use(None)


@pytest.mark.usefixtures("unknown")
def test_a_named_stack_comes_before_the_deployment_that_the_shell_knows(
    deployed: Callable[..., None], shared_key: str
) -> None:
    deployed(RESOURCES)
    os.environ |= dict.fromkeys((*stack.NEEDED, "SLACK_SECRETS", "SHARED_USAGE_KEY"), "a laptop's")

    stack.use(STACK)

    assert all(STACK in os.environ[name] for name in stack.NEEDED if name != "LOGS_BUCKET")
    assert (os.environ["SHARED_USAGE_KEY"], os.environ["SLACK_SECRETS"]) == (shared_key, f"{STACK}/slack/")


@pytest.mark.usefixtures("unknown")
def test_the_region_of_a_stack_is_the_one_that_the_aws_command_line_takes(deployed: Callable[..., None]) -> None:
    deployed(RESOURCES)
    os.environ["AWS_REGION"] = "eu-central-1"

    with pytest.raises(ClientError, match="does not exist"):
        stack.use(STACK)

    assert os.environ["AWS_DEFAULT_REGION"] == "eu-central-1"


@pytest.mark.usefixtures("unknown")
def test_without_a_region_the_message_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr("sys.argv", ["jobsctl", "--stack", STACK, "organization", "list"])

    with pytest.raises(SystemExit, match="export AWS_REGION="):
        main()
