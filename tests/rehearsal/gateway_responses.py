"""`python -m tests.rehearsal.gateway_responses STACK STAGE`: adds an API's gateway responses, and prints the API's id.

API Gateway reads them from an extension in the API's document, which MiniStack ignores. MiniStack accepts each in a
call of its own. They are those of the transformed template.
"""

import sys
from typing import Any

import boto3

from local.template import read
from tests.rehearsal.cloud import ROOT


def main(stack: str, stage: str) -> None:
    """Put each response, and deploy the stage again, since a deployment is a snapshot."""
    (api,) = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache").resources("AWS::ApiGateway::RestApi")
    found = boto3.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=api.logical_id)
    api_id = found["StackResourceDetail"]["PhysicalResourceId"]
    gateway: Any = boto3.client("apigateway")
    for kind, answer in api.properties["Body"]["x-amazon-apigateway-gateway-responses"].items():
        status = {"statusCode": str(answer["statusCode"])} if "statusCode" in answer else {}
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            responseParameters=answer.get("responseParameters", {}),
            responseTemplates=answer.get("responseTemplates", {}),
            **status,
        )
    gateway.create_deployment(restApiId=api_id, stageName=stage)
    print(api_id)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
