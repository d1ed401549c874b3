"""The arguments and the results of a check."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import nan
from typing import Any, Protocol


class Verdict(StrEnum):
    """How serious a finding is."""

    FAILS = "fails"  # the deployment stops and is rolled back
    BROKEN = "does not work"  # the deployment succeeds, but something does not work
    RISK = "look at"  # it works, but may not always, or not for others
    UNKNOWN = "not looked at"  # these credentials may not read it


@dataclass(frozen=True)
class Finding:
    """One fault: what happens, and what would be right."""

    verdict: Verdict
    subject: str
    problem: str
    right: str

    def __str__(self) -> str:
        """Return the finding as two lines for a terminal."""
        return f"{self.verdict.value.upper()}: {self.subject}: {self.problem}\n    right: {self.right}"


type Findings = Iterator[Finding]


class Missing(Exception):
    """AWS has no such resource."""


class Aws(Protocol):
    """The account to which the stack is deployed."""

    def ask(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Return the answer of a reading call, all pages together.

        Args:
            service: its name in boto3, such as `eks`.
            operation: its name in boto3, such as `describe_cluster`.
            parameters: of the call.

        Raises:
            Missing: there is no such resource. botocore.exceptions.ClientError: any other refusal, such as
            AccessDenied.
        """


@dataclass(frozen=True)
class Plan:
    """The deployment to check, and where it goes.

    Args:
        template: template.yaml.
        given: the parameters that the options name, also those that the template does not have.
        values: the value that each parameter will have.
        stack: its name.
        deployed: what CloudFormation says of the deployed stack; empty if there is none.
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

    def number(self, parameter: str) -> float:
        """Return the value of a parameter, or NaN, with which no comparison holds, if it is not a number."""
        try:
            return float(self.values[parameter])
        except ValueError:
            return nan

    @property
    def is_first(self) -> bool:
        """Whether no resource exists yet."""
        return self.deployed.get("StackStatus") in {None, "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}

    def resources(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the template's resources of a type."""
        return [each for each in self.template["Resources"].values() if each["Type"] == kind]
