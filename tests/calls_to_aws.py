"""Notes, changes or refuses what the tested code asks of AWS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import botocore.client
import pytest

_READS = ("BatchGet", "Describe", "Get", "Head", "List", "Query", "Scan")


@dataclass(frozen=True)
class Call:
    """A call of boto3 or PynamoDB; `make` makes it and returns AWS's answer."""

    client: Any
    operation: str
    arguments: Any
    make: Callable[[], Any]

    @property
    def service(self) -> str:
        """Return the service as boto3 names it: `dynamodb`."""
        return str(self.client.meta.service_model.service_name)

    @property
    def writes(self) -> bool:
        """Whether the call may change something."""
        return not self.operation.startswith(_READS)


def intercept_aws(patch: pytest.MonkeyPatch, answer: Callable[[Call], Any]) -> None:
    """Let a function answer every later call to AWS in place of AWS."""
    ask = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # its stubs leave it out

    def answered(client: Any, operation: str, arguments: Any) -> Any:
        return answer(Call(client, operation, arguments, lambda: ask(client, operation, arguments)))

    patch.setattr(botocore.client.BaseClient, "_make_api_call", answered)


def note_operations(patch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every later call to AWS adds its operation."""
    operations = list[str]()

    def noted(call: Call) -> Any:
        operations.append(call.operation)
        return call.make()

    intercept_aws(patch, noted)
    return operations


def die_at(patch: pytest.MonkeyPatch, operation: str, *, after: bool = False) -> None:
    """Let the process die right before each later call of an operation, or right after AWS has carried it out."""

    def answer(call: Call) -> Any:
        if call.operation != operation:
            return call.make()
        if after:
            call.make()
        raise SystemExit

    intercept_aws(patch, answer)
