"""The usage plan of template.yaml in moto, to which jobsctl adds API keys and in which the gateway finds them."""

import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from local.emulator.api_gateway import ApiGateway
from local.intrinsics import REGION
from local.template import Template

# Modules with which moto checks API documents. They take half a second to import, and no document is checked here.
_UNUSED = (
    "openapi_spec_validator",
    "openapi_spec_validator.validation",
    "openapi_spec_validator.validation.exceptions",
)


@dataclass(frozen=True)
class UsagePlans:
    """The one usage plan; API Gateway chose `plan_id`."""

    plan_id: str

    def environment(self) -> dict[str, str]:
        """Return the variables by which jobsctl finds the plan."""
        return {"USAGE_PLAN": self.plan_id}

    def knows(self, key: str) -> bool:
        """Return whether the plan has an API key with this value."""
        client = _client()
        pages = client.get_paginator("get_usage_plan_keys").paginate(usagePlanId=self.plan_id)
        found = [member["id"] for page in pages for member in page["items"] if member["value"] == key]
        # moto leaves deleted keys in the plan.
        return any(
            there["id"] in found for page in client.get_paginator("get_api_keys").paginate() for there in page["items"]
        )


@dataclass(frozen=True)
class EmulatedUsagePlan:
    """The template's usage plan in the emulator."""

    api_gateway: ApiGateway
    plan_id: str

    def environment(self) -> dict[str, str]:
        """Return the variables by which jobsctl finds the plan."""
        return {"USAGE_PLAN": self.plan_id}

    def knows(self, key: str) -> bool:
        """Return whether the plan has an API key with this value."""
        return self.api_gateway.knows(self.plan_id, key)


def emulated(api_gateway: ApiGateway, template: Template) -> EmulatedUsagePlan:
    """Create the template's usage plan and the shared key, unless they exist."""
    (plan,) = template.resources("AWS::ApiGateway::UsagePlan")
    (key,) = template.resources("AWS::ApiGateway::ApiKey")
    api_gateway.have_key(plan.name, key.name, key.properties["Value"])
    return EmulatedUsagePlan(api_gateway, plan.name)


def create(template: Template, shared_key: str | None = None) -> UsagePlans:
    """Create the template's usage plan and the shared key, in the AWS whose `with` block is open."""
    client = _client()
    (plan,) = template.resources("AWS::ApiGateway::UsagePlan")
    made: str = client.create_usage_plan(name=plan.name)["id"]
    (key,) = template.resources("AWS::ApiGateway::ApiKey")
    value = shared_key or key.properties["Value"]
    identity = client.create_api_key(name=key.name, value=value, enabled=True)["id"]
    client.create_usage_plan_key(usagePlanId=made, keyId=identity, keyType="API_KEY")
    return UsagePlans(made)


def _client() -> Any:
    from boto3.session import Session  # noqa: PLC0415 - sessions must be made after the transport is installed

    _import_backend()
    return Session(region_name=REGION).client("apigateway")


def _import_backend() -> None:
    """Import moto's API Gateway without the modules that check API documents."""
    stub: Any = ModuleType(_UNUSED[0])
    stub.validate, stub.OpenAPIValidationError = None, Exception
    stubs = {name: stub for name in _UNUSED if name not in sys.modules}
    sys.modules.update(stubs)
    try:
        import_module("moto.apigateway.models")
    finally:
        for name in stubs:
            del sys.modules[name]
