"""Resolves those intrinsic functions of CloudFormation that template.yaml uses.

Names are chosen before resources are created, so that a reference depends on the template alone.
Reference: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

ACCOUNT = "123456789012"
REGION = "us-east-1"

_NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")

# For each type of resource: the property that names it, and the form of its ARN.
_NAMES = {
    "AWS::DynamoDB::Table": ("TableName", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{}}"),
    "AWS::Events::EventBus": ("Name", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{{}}"),
    "AWS::Events::Rule": ("Name", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{}}"),
    "AWS::KMS::Key": ("KeyId", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{}}"),
    "AWS::Lambda::Function": ("FunctionName", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}"),
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::{}"),
    "AWS::SQS::Queue": ("QueueName", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}"),
}


class UnsupportedTemplate(ValueError):
    """The template uses something that the laptop stack does not support."""


class Resolver:
    """Resolves references within one transformed template."""

    def __init__(self, template: Mapping[str, Any], stack_name: str, parameters: Mapping[str, str]) -> None:
        """Use the template's default for each parameter that is not given."""
        self._resources = template["Resources"]
        self._conditions = template.get("Conditions", {})
        self._mappings = template.get("Mappings", {})
        defaults = {name: spec.get("Default") for name, spec in template.get("Parameters", {}).items()}
        self._values = {
            **defaults,
            **parameters,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            # CloudFormation ends it in an id that is unique to the stack.
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/{UUID(int=0)}",
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NO_VALUE,
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::And": lambda parts: all(map(self.resolve, parts)),
            "Fn::Equals": lambda pair: self.resolve(pair[0]) == self.resolve(pair[1]),
            "Fn::FindInMap": lambda path: self._find_in_map([self.resolve(part) for part in path]),
            "Fn::GetAtt": self._get_att,
            "Fn::If": lambda parts: self.resolve(parts[1] if self.condition(parts[0]) else parts[2]),
            "Fn::Join": lambda parts: parts[0].join(self.resolve(parts[1])),
            "Fn::Not": lambda parts: not self.resolve(parts[0]),
            "Fn::Or": lambda parts: any(map(self.resolve, parts)),
            "Fn::Select": lambda parts: self.resolve(parts[1])[int(parts[0])],
            "Fn::Split": lambda parts: self.resolve(parts[1]).split(parts[0]),
            "Fn::Sub": self._sub,
        }

    def resolve(self, value: Any) -> Any:
        """Return `value` with every reference replaced.

        Raises:
            UnsupportedTemplate: an unknown function or resource.
        """
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key in self._functions and (key != "Condition" or isinstance(argument, str)):
                return self._functions[key](argument)
            if key.startswith("Fn::"):
                raise UnsupportedTemplate(f"{key} is not known to the laptop stack")
        resolved_items = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved_items.items() if item is not _NO_VALUE}

    def condition(self, name: str) -> bool:
        """Return whether the condition of this name holds."""
        return bool(self.resolve(self._conditions[name]))

    def name(self, logical_id: str) -> str:
        """Return the physical name of a resource: the one it states, else one made of the stack's name and its id."""
        resource = self._resource(logical_id)
        property_name, _ = _NAMES.get(resource["Type"], ("Name", ""))
        given = self.resolve(resource.get("Properties", {}).get(property_name))
        if given is not None and given is not _NO_VALUE:
            return str(given)
        name = f"{self._values['AWS::StackName']}-{logical_id}"
        if resource["Type"] == "AWS::KMS::Key":
            return str(uuid5(NAMESPACE_OID, name))
        return name.lower() if resource["Type"] == "AWS::S3::Bucket" else name

    def arn(self, logical_id: str) -> str:
        """Return a resource's ARN, which contains its physical name."""
        _, pattern = _NAMES.get(self._resource(logical_id)["Type"], ("", f"arn:aws:local:{REGION}:{ACCOUNT}:{{}}"))
        return pattern.format(self.name(logical_id))

    def _resource(self, logical_id: str) -> dict[str, Any]:
        try:
            resource: dict[str, Any] = self._resources[logical_id]
        except KeyError:
            raise UnsupportedTemplate(f"the template refers to {logical_id}, which it does not have") from None
        return resource

    def _ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        resource = self._resource(name)
        if resource["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(name)}"
        if resource["Type"] == "AWS::Lambda::Alias":
            function = self.resolve(resource["Properties"]["FunctionName"])
            return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:{self.name(name)}"
        return self.name(name)

    def _get_att(self, path: str | list[str]) -> str:
        logical_id, attribute = path.split(".", 1) if isinstance(path, str) else path
        if attribute == "Arn":
            return self.arn(logical_id)
        if attribute in {"Name", "QueueName", "TableName"}:
            return self.name(logical_id)
        if attribute == "StreamArn":
            return f"{self.arn(logical_id)}/stream/1970-01-01T00:00:00.000"
        if attribute == "QueueUrl":
            return str(self._ref(logical_id))
        raise UnsupportedTemplate(f"the attribute {attribute} of {logical_id} is not known to the laptop stack")

    def _sub(self, argument: str | list[Any]) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return _VARIABLE.sub(replace, text)

    def _find_in_map(self, path: list[str]) -> Any:
        found = self._mappings
        for key in path:
            found = found[key]
        return found
