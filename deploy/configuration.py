"""Writes a digest of the parameters' values into the template that goes to AWS.

Everything invokes the alias `live`, which moves when SAM publishes a version. SAM names a version by a hash of its
function's properties as the template has them; there a parameter is `{"Ref": "RunRetentionDays"}` whatever its value.
And Lambda publishes no version of a function that has not changed. So a new value would reach `$LATEST` and no request.
A digest in each function's environment shows both SAM and Lambda each change. The API's document contains it too,
because SAM deploys a stage again only if the text of that document has changed.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

# The placeholder for the digest in template.yaml.
PLACEHOLDER: Final = "SetByMakeDeploy"
# The rule of template.yaml that refuses a template without a digest. With a digest, it refuses other values.
RULE: Final = "DigestIsOfTheseParameters"
DIGEST_LENGTH: Final = 16
# How many characters of a value CloudFormation's message quotes: a parameter may have 4 KB.
SHOWN: Final = 100
# The sections that are deployed; descriptions, outputs and rules do not affect what runs.
_PARTS: Final = ("Transform", "Globals", "Mappings", "Conditions", "Resources")

type Document = Mapping[str, Any]


def values_of(template: Document, asked: Iterable[Mapping[str, Any]], deployed: Mapping[str, str]) -> dict[str, str]:
    """Return the value that CloudFormation will give each parameter.

    Args:
        template: the template that is to be deployed.
        asked: `Parameters` of a change set: each with a ParameterKey, and a ParameterValue or UsePreviousValue.
        deployed: the values of the deployed stack; empty for a new stack.
    """
    given = {each["ParameterKey"]: str(each["ParameterValue"]) for each in asked if "ParameterValue" in each}
    return {
        name: given.get(name, deployed.get(name, str(parameter.get("Default", ""))))
        for name, parameter in template.get("Parameters", {}).items()
    }


def misspelt(template: Document, given: Iterable[str]) -> dict[str, str]:
    """Return each name that is not a parameter of the template, with what would be right.

    SAM ignores such names without a message.
    """
    known = template.get("Parameters", {})
    close = {name: get_close_matches(name, known, 1) for name in given if name not in known}
    return {name: f"{found[0]}?" if found else f"one of {', '.join(known)}" for name, found in close.items()}


def digest_of(template: Document, values: Mapping[str, str]) -> str:
    """Return the digest of all that is deployed: values, and code by its S3 key, which is made from its content."""
    parts = {part: template.get(part) for part in _PARTS}
    # SAM writes facts about a build into a resource's metadata, which is not deployed.
    parts["Resources"] = {
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in template["Resources"].items()
    }
    content = json.dumps([parts, dict(values)], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:DIGEST_LENGTH]


def configured(template: Document, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the template with the digest, and with a rule that refuses values from which the digest was not made.

    The rule stops anybody who uses the deployed template and changes a value, in the console or by `update-stack`.
    """
    ready: dict[str, Any] = _replaced(template, digest_of(template, values))
    assertions = [_assertion(name, value) for name, value in sorted(values.items())]
    return {**ready, "Rules": {**ready.get("Rules", {}), RULE: {"Assertions": assertions}}}


def _assertion(name: str, value: str) -> dict[str, Any]:
    return {
        "Assert": {"Fn::Equals": [{"Ref": name}, value]},
        "AssertDescription": f"This template was made for {name}={_cut(value)}; deploy another value by make deploy",
    }


def _cut(value: str) -> str:
    return repr(value if len(value) <= SHOWN else f"{value[:SHOWN]}...")


def _replaced(node: Any, digest: str) -> Any:
    if isinstance(node, Mapping):
        return {key: _replaced(value, digest) for key, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, digest) for value in node]
    return digest if node == PLACEHOLDER else node
