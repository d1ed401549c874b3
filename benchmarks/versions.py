"""How many functions' versions a change publishes; all callers invoke a version, through the alias `live`.

    python -m benchmarks.versions

AWS's transform names a version by a hash of its content. A deployment publishes versions with new names; all other
functions keep their version.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Figure, report
from deploy.configuration import configured, values_of
from local.template import transform

# Other values of parameters, where type and default do not suggest one.
EXAMPLES = {
    "SubnetIds": "subnet-0a1b,subnet-2c3d",
    "SecurityGroupIds": "sg-0a1b",
    "SlackApiUrl": "https://proxy.internal/",
}

type Document = dict[str, Any]


def main() -> None:
    """Count for each layer and each parameter."""
    template = source()
    before = deployed(template)
    functions = len(before)
    figures = [Figure("nothing", changed(before, deployed(template)), "versions", budget=0)]
    changes = {
        **{f"content of {layer}": deployed(with_content(template, layer)) for layer in layers(template)},
        **{name: deployed(template, {name: other_value(template, name)}) for name in template["Parameters"]},
    }
    figures += [Figure(name, changed(before, after), f"of {functions}") for name, after in changes.items()]
    report("Versions that a change publishes", figures)


def source() -> Document:
    """Read template.yaml."""
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415 - 1.5 seconds of schemas

    document: Document = json.loads(json.dumps(yaml_parse(Path(ROOT / "template.yaml").read_text())))
    return document


def layers(template: Document) -> list[str]:
    """Name the layers."""
    return [name for name, each in template["Resources"].items() if each["Type"] == "AWS::Serverless::LayerVersion"]


def with_content(template: Document, resource: str) -> Document:
    """Return the template as if a layer or a function had other content, so another place in S3."""
    resources = template["Resources"]
    properties = resources[resource]["Properties"]
    key = "ContentUri" if "ContentUri" in properties else "CodeUri"
    changed_properties = {**properties, key: f"{properties[key]}-changed"}
    return {**template, "Resources": {**resources, resource: {**resources[resource], "Properties": changed_properties}}}


def deployed(
    template: Document, parameters: Mapping[str, str] | None = None, *, configure: bool = True
) -> dict[str, str]:
    """Return the logical id of each function's version, as a deployment with these parameters names it.

    Args:
        template: as `source` gives it.
        parameters: those that are not as the template has them.
        configure: whether `make deploy` deploys it.
    """
    asked = [{"ParameterKey": name, "ParameterValue": value} for name, value in (parameters or {}).items()]
    values = values_of(template, asked, {})
    ready = configured(template, values) if configure else template
    resources = transformed(json.dumps(ready), json.dumps(values))["Resources"]
    aliases = {
        alias["Properties"]["FunctionVersion"]["Fn::GetAtt"][0] for alias in of_type(resources, "Alias").values()
    }
    versions = of_type(resources, "Version")
    assert aliases == versions.keys(), "an alias names no version of this template"
    return {version["Properties"]["FunctionName"]["Ref"]: name for name, version in versions.items()}


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    """Count the functions that have another version."""
    return sum(after[function] != version for function, version in before.items())


def other_value(template: Document, name: str) -> str:
    """Return a value of a parameter that is not its default."""
    parameter = template["Parameters"][name]
    default = str(parameter.get("Default", ""))
    if "AllowedValues" in parameter:
        return next(str(value) for value in parameter["AllowedValues"] if str(value) != default)
    if parameter["Type"] == "Number":
        return str(float(default) + 1).removesuffix(".0")
    return EXAMPLES.get(name, "other")


def of_type(resources: Document, kind: str) -> Document:
    """Return the resources of a type of Lambda's."""
    return {name: resource for name, resource in resources.items() if resource["Type"] == f"AWS::Lambda::{kind}"}


@cache
def transformed(template: str, values: str) -> Document:
    """Run the transform that AWS runs."""
    return transform(template, json.loads(values))


if __name__ == "__main__":
    main()
