"""After a second deployment the new version answers: with other code in a layer, and other parameters."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.rehearsal.cloud import ROOT
from tests.rehearsal.conftest import HOME, Person
from tests.rehearsal.deployment import STACK, Deployment, address, deploy, plain_sam_deploy

pytestmark = pytest.mark.timeout(600)

BUILT = ROOT / ".aws-sam" / "build"
FUNCTIONS = sum(
    resource["Type"] == "AWS::Serverless::Function"
    for resource in yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
)


def test_the_code_of_a_changed_layer_answers(deployment: Deployment, alice: Person) -> None:
    before = live(deployment)
    answer = alice.call("GET", "/jobs")
    assert (answer.status, answer.header("X-Changed")) == (200, None)

    upgraded = deploy(deployment.cloud, deployment.parameters, with_changed_layer())

    answer = replace(alice, deployment=upgraded).call("GET", "/jobs")
    assert (answer.status, answer.header("X-Changed")) == (200, "yes")
    after = live(deployment)
    assert published(before, after) == FUNCTIONS, "not every function's alias has moved"
    assert all(function["layers"] != before[name]["layers"] for name, function in after.items())


def test_the_same_again_publishes_nothing_and_values_that_are_not_named_stay(deployment: Deployment) -> None:
    before = live(deployment)

    deploy(deployment.cloud, {}, with_changed_layer())

    assert live(deployment) == before
    assert published(before, live(deployment)) == 0


def test_the_value_of_a_changed_parameter_answers(deployment: Deployment, alice: Person, jaffle: str) -> None:
    before = live(deployment)

    # From the build without the layer's change, so that this also rolls the code back.
    upgraded = deploy(deployment.cloud, {"WebhookAllowedHosts": "10.1.2.3:8443", "RunRetentionDays": "90"})

    job = {"name": "hooked", "command": "dbt build", "schedule": "@yearly", "webhook_url": "https://10.1.2.3:8443/hook"}
    made = replace(alice, deployment=upgraded).call("POST", f"/projects/{jaffle}/jobs", job)
    assert (made.status, made.header("X-Changed")) == (201, None), made
    after = live(deployment)
    assert published(before, after) == FUNCTIONS, "not every function's alias has moved"
    assert {function["environment"]["RUN_RETENTION_DAYS"] for function in after.values()} == {"90"}
    # Values that were not named again are those of the first deployment.
    assert {function["environment"]["PULSE_SECONDS"] for function in after.values()} == {"2"}


def test_aliases_that_are_put_back_answer_with_the_code_and_values_before(
    deployment: Deployment, alice: Person
) -> None:
    """Roll back as docs/operations.md does with the AWS CLI, and forward again."""
    here = replace(alice, deployment=replace(deployment, host=address(deployment.cloud)))
    after = live(deployment)

    before = live(deployment, "newest but one")
    assert published(after, before) == FUNCTIONS
    assert here.call("GET", "/jobs").header("X-Changed") == "yes"
    assert {function["environment"]["RUN_RETENTION_DAYS"] for function in before.values()} == {"400"}

    assert live(deployment, "newest") == after
    assert here.call("GET", "/jobs").header("X-Changed") is None


def test_a_parameter_that_there_is_not_is_refused_and_not_left_out(deployment: Deployment) -> None:
    with pytest.raises(AssertionError, match=r"no parameter RunRetentionDay; right would be RunRetentionDays\?"):
        deploy(deployment.cloud, {"RunRetentionDay": "60"})


def test_sam_deploy_alone_is_refused_with_what_would_be_right(deployment: Deployment) -> None:
    before = live(deployment)

    with pytest.raises(AssertionError, match="make deploy"):
        plain_sam_deploy(deployment.cloud, {"RunRetentionDays": "60"})

    assert live(deployment) == before


def test_a_value_that_is_changed_past_make_deploy_is_refused(deployment: Deployment) -> None:
    before = live(deployment)

    with pytest.raises(AssertionError, match=r"RunRetentionDays='90'.*make deploy"):
        deployment.cloud.run(sys.executable, "-c", _UPDATE_STACK, STACK, "RunRetentionDays", "60")

    assert live(deployment) == before


def with_changed_layer() -> Path:
    """Return a built template like ours, in whose shared layer every answer has another header."""
    folder = HOME / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BUILT / "SharedLayer", folder / "SharedLayer")
    module = folder / "SharedLayer" / "python" / "jobs_api" / "api" / "resolver.py"
    module.write_text(module.read_text() + '\nFOR_BROWSERS["X-Changed"] = ["yes"]\n')
    # The runtime would use the bytecode of the earlier code.
    for bytecode in (module.parent / "__pycache__").glob("resolver.*"):
        bytecode.unlink()
    template: dict[str, Any] = json.loads(json.dumps(yaml_parse((BUILT / "template.yaml").read_text())))
    for name, resource in template["Resources"].items():
        for key in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][key] = str((folder if name == "SharedLayer" else BUILT) / name)
    made = folder / "template.yaml"
    made.write_text(json.dumps(template))
    return made


def live(deployment: Deployment, put: str = "") -> dict[str, Any]:
    """Return the version, the layers and the environment of each function, as its alias has them.

    Args:
        deployment: the stack.
        put: the aliases are put on the `newest` version first, or on the `newest but one`.
    """
    told: dict[str, Any] = json.loads(deployment.cloud.run(sys.executable, "-c", _LIVE, STACK, put))
    assert len(told) == FUNCTIONS
    return told


def published(before: dict[str, Any], after: dict[str, Any]) -> int:
    """Count the functions whose alias names another version, and say so."""
    changed: int = sum(after[name]["version"] != function["version"] for name, function in before.items())
    print(f"{changed} of {len(after)} functions answer with a new version")  # noqa: T201
    return changed


_LIVE = """
import json, sys
import boto3

functions = boto3.client("lambda")
told = {}
for page in boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=sys.argv[1]):
    for resource in page["StackResourceSummaries"]:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            name = resource["PhysicalResourceId"]
            if sys.argv[2]:
                pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
                versions = [each["Version"] for page in pages for each in page["Versions"]]
                numbers = sorted(int(version) for version in versions if version != "$LATEST")
                version = str(numbers[-1 if sys.argv[2] == "newest" else -2])
                functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
            found = functions.get_function_configuration(FunctionName=name, Qualifier="live")
            told[resource["LogicalResourceId"]] = {
                "version": functions.get_alias(FunctionName=found["FunctionName"], Name="live")["FunctionVersion"],
                "layers": [layer["Arn"] for layer in found["Layers"]],
                "environment": found["Environment"]["Variables"],
            }
print(json.dumps(told))
"""

_UPDATE_STACK = """
import sys
import boto3

client = boto3.client("cloudformation")
stack, name, value = sys.argv[1:]
(found,) = client.describe_stacks(StackName=stack)["Stacks"]
capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
keys = [each["ParameterKey"] for each in found["Parameters"]]
parameters = [{"ParameterKey": key, "UsePreviousValue": True} for key in keys if key != name]
parameters.append({"ParameterKey": name, "ParameterValue": value})
client.update_stack(StackName=stack, UsePreviousTemplate=True, Parameters=parameters, Capabilities=capabilities)
"""
