"""`make preflight`: reports what of a deployment with these OPTIONS would fail, and what would be right.

It takes the options of `sam deploy`, and reads samconfig.toml as SAM does. It exits with status 1 if something fails or
does not work.
"""

import logging
import sys
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from samcli.commands.deploy.command import cli
from samcli.yamlhelper import yaml_parse

from deploy.configuration import values_of
from deploy.preflight.boto_account import BotoAws
from deploy.preflight.checks import CHECKS, STOPPING, run_checks
from deploy.preflight.findings import Plan

TEMPLATE: Final = Path(__file__).resolve().parents[2] / "template.yaml"
QUESTIONS: Final = {"--guided", "-g"}


def main(arguments: list[str]) -> int:
    """Print the findings; return the exit status."""
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # Only SAM's parser, with its rules for samconfig.toml, profiles and parameters; nothing is deployed.
    options = cli.make_context("deploy", [each for each in arguments if each not in QUESTIONS]).params
    try:
        identity: Any = boto3.client("sts").get_caller_identity()
        plan = plan_of(options)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"preflight: AWS cannot be reached: {error}")
    print(f"Stack {plan.stack} in account {identity['Account']}, {plan.region}, as {identity['Arn']}")  # noqa: T201
    found = list(run_checks(plan, BotoAws()))
    for finding in found:
        print(finding)  # noqa: T201
    stopping = sum(finding.verdict in STOPPING for finding in found)
    print(f"{len(CHECKS)} checks, {len(found)} findings; of these {stopping} must be corrected first")  # noqa: T201
    return 1 if stopping else 0


def plan_of(options: dict[str, Any]) -> Plan:
    """Return what a deployment with these options would be."""
    template = yaml_parse(TEMPLATE.read_text())
    client: Any = boto3.client("cloudformation")
    stack = options.get("stack_name") or "jobs-api"
    deployed = _described(client, stack)
    given = {name: str(value) for name, value in (options.get("parameter_overrides") or {}).items()}
    asked = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    before = {each["ParameterKey"]: each["ParameterValue"] for each in deployed.get("Parameters", [])}
    return Plan(template, given, values_of(template, asked, before), stack, deployed, client.meta.region_name)


def _described(client: Any, stack: str) -> dict[str, Any]:
    try:
        (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return {}
        raise
    described: dict[str, Any] = found
    return described


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
