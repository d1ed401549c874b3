"""What a check gets, and what it gives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Verdict(StrEnum):
    """How bad it is."""

    FAILS = "fails"  # the deployment stops there, and is taken back
    BROKEN = "does not work"  # it is deployed, and something does not do what it should
    RISK = "look at"  # it works, and may not always, or not for others
    UNKNOWN = "not looked at"  # these credentials may not look


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: what happens, and what would be right."""

    verdict: Verdict
    subject: str
    what: str
    right: str

    def __str__(self) -> str:
        """Two lines for a terminal."""
        return f"{self.verdict.value.upper()}: {self.subject}: {self.what}\n    right: {self.right}"


type Findings = Iterator[Finding]


class Missing(Exception):
    """AWS does not know the thing that was asked for."""


class Aws(Protocol):
    """The account that is deployed to."""

    def ask(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Return the answer to a call that changes nothing, all its pages together.

        Args:
            service: as boto3 calls it, such as `eks`.
            operation: as boto3 calls it, such as `describe_cluster`.
            parameters: of the call.

        Raises:
            Missing: there is no such thing.
            botocore.exceptions.ClientError: any other refusal, such as AccessDenied.
        """


@dataclass(frozen=True)
class Plan:
    """What is to be deployed, and where.

    Args:
        template: template.yaml.
        given: the parameters that were named, also such as the template does not know.
        values: the value that each parameter will have.
        stack: its name.
        deployed: what CloudFormation says of the stack as it is; nothing where there is none.
        region: the region.
    """

    template: Mapping[str, Any]
    given: Mapping[str, str]
    values: Mapping[str, str]
    stack: str
    deployed: Mapping[str, Any]
    region: str

    def __getitem__(self, parameter: str) -> str:
        """Return the value that a parameter will have."""
        return self.values[parameter]

    @property
    def is_first(self) -> bool:
        """Whether all resources are still to be made."""
        return self.deployed.get("StackStatus") in {None, "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}

    def resources(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the template's resources of a type."""
        return [each for each in self.template["Resources"].values() if each["Type"] == kind]
