"""Reads template.yaml through the SAM transform of a deployment, so that laptop and deployment cannot differ."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local.intrinsics import REGION, Resolver, UnsupportedTemplate

_CODE_KEYS = ("CodeUri", "ContentUri")
# The transform only accepts uploaded code; this prefix replaces the template's own folder.
_UPLOADED = "s3://local/"


@dataclass(frozen=True)
class FunctionSpec:
    """One Lambda function of the template."""

    logical_id: str
    name: str
    arn: str
    code: Path
    handler: str
    timeout_seconds: float
    memory_mb: int
    environment: dict[str, str]
    reserved_concurrency: int | None
    dead_letter_arn: str | None


@dataclass(frozen=True)
class Resource:
    """One resource with every reference resolved."""

    logical_id: str
    name: str
    arn: str
    properties: dict[str, Any]


class Template:
    """The transformed template; resources are resolved when they are read."""

    def __init__(self, document: dict[str, Any], folder: Path, stack_name: str, parameters: Mapping[str, str]) -> None:
        """Use the output of the SAM transform; code paths are relative to `folder`."""
        self.folder = folder
        self._document = document
        self._resolver = Resolver(document, stack_name, parameters)

    def resources(self, resource_type: str) -> Iterator[Resource]:
        """Return the resources of a type whose condition holds, in the order of their names."""
        for logical_id, resource in sorted(self._document["Resources"].items()):
            if resource["Type"] != resource_type:
                continue
            if "Condition" in resource and not self._resolver.condition(resource["Condition"]):
                continue
            properties = self._resolver.resolve(resource.get("Properties", {}))
            yield Resource(logical_id, self._resolver.name(logical_id), self._resolver.arn(logical_id), properties)

    def kinds(self) -> dict[str, str]:
        """Return the type of each resource whose condition holds, by its logical id."""
        return {
            logical_id: resource["Type"]
            for logical_id, resource in self._document["Resources"].items()
            if "Condition" not in resource or self._resolver.condition(resource["Condition"])
        }

    def output(self, name: str) -> Any:
        """Return the value of an output."""
        return self._resolver.resolve(self._document["Outputs"][name]["Value"])

    def functions(self) -> list[FunctionSpec]:
        """Return the Lambda functions, with Lambda's defaults for what the template does not state."""
        return [self._function(resource) for resource in self.resources("AWS::Lambda::Function")]

    def environment(self) -> dict[str, str]:
        """Return the environment that all functions share.

        Raises:
            UnsupportedTemplate: two functions have different values for a variable; here they share one process.
        """
        merged: dict[str, str] = {}
        for function in self.functions():
            for name, value in function.environment.items():
                if merged.setdefault(name, value) != value:
                    raise UnsupportedTemplate(
                        f"{function.logical_id} sets {name} to {value!r} and another function to {merged[name]!r}; "
                        "on a laptop all functions share one environment, so it belongs in Globals"
                    )
        return merged

    def _function(self, resource: Resource) -> FunctionSpec:
        properties = resource.properties
        return FunctionSpec(
            logical_id=resource.logical_id,
            name=resource.name,
            arn=resource.arn,
            code=self.folder / properties["Code"]["S3Key"],
            handler=properties["Handler"],
            timeout_seconds=float(properties.get("Timeout", 3)),
            memory_mb=int(properties.get("MemorySize", 128)),
            environment={
                name: str(value) for name, value in properties.get("Environment", {}).get("Variables", {}).items()
            },
            reserved_concurrency=properties.get("ReservedConcurrentExecutions"),
            dead_letter_arn=properties.get("DeadLetterConfig", {}).get("TargetArn"),
        )


def read(
    path: Path,
    *,
    stack_name: str = "jobs-api",
    parameters: Mapping[str, str] | None = None,
    cache: Path | None = None,
) -> Template:
    """Read a SAM template.

    Importing the transform takes longer than the rest of a start of `make run`. So its output is stored in the folder
    `cache`, under a hash of all inputs.

    Raises:
        UnsupportedTemplate: the transform refuses the template, with its reasons.
    """
    source = path.read_bytes()
    made_of = [source.decode(), version("aws-sam-translator"), sorted((parameters or {}).items())]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]
    cached = cache / f"template-{digest}.json" if cache else None
    if cached and cached.exists():
        document = json.loads(cached.read_text())
    else:
        document = transform(source.decode(), parameters or {})
        if cached:
            _write_cache(cached, json.dumps(document))
    return Template(document, path.parent, stack_name, parameters or {})


def _write_cache(cached: Path, text: str) -> None:
    """Write a complete file of the cache or none, since another process may be reading it."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    draft = cached.with_name(f"{cached.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(cached)


def transform(source: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Turn SAM into CloudFormation; code is named by its path relative to the template."""
    # Imported only if the cache is empty, because it loads schemas for 1.5 seconds.
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415
    from samtranslator.translator.transform import transform as sam_transform  # noqa: PLC0415
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415

    # It logs an error for each unknown feature toggle.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    document = yaml_parse(source)
    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        for key in _CODE_KEYS:
            if key in properties:
                properties[key] = _UPLOADED + properties[key]
    try:
        # The transform reads its region from a boto3 session, and fails without a region.
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        transformed = sam_transform(document, dict(parameters), _NoManagedPolicies())
    except InvalidDocumentException as error:
        raise UnsupportedTemplate("; ".join(cause.message for cause in error.causes)) from error
    return json.loads(json.dumps(transformed))  # type: ignore[no-any-return]


class _NoManagedPolicies:
    """Nothing is authorized on a laptop, so no policy needs its ARN."""

    def load(self) -> dict[str, str]:
        return {}
