"""Objects whose names a client chooses, such as an environment or headers: what is wrong with each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import ErrorDetails, InitErrorDetails


@dataclass(frozen=True, slots=True)
class NamedFault:
    """A fault of a name or its value; without a `name`, a fault of the whole object."""

    name: str | None
    message: str


def check_named(
    sent: Any, handler: ValidatorFunctionWrapHandler, faults: Callable[[Mapping[str, str]], Iterable[NamedFault]]
) -> Any:
    """Return what pydantic makes of an object, for a validator that wraps its field.

    A value of a wrong type does not hide what is wrong with the others.

    Raises:
        ValidationError: with the values that are no texts, and the faults of all others.
    """
    broken: list[InitErrorDetails] = []
    try:
        values = handler(sent)
    except ValidationError as error:
        if not isinstance(sent, dict):
            raise
        broken = [_init_details(detail) for detail in error.errors(include_url=False)]
        values = {name: value if isinstance(value, str) else "" for name, value in sent.items()}
    if details := [*broken, *(_detail(fault) for fault in faults(values or {}))]:
        raise ValidationError.from_exception_data("values", details)
    return values


def _init_details(detail: ErrorDetails) -> InitErrorDetails:
    return InitErrorDetails(type=detail["type"], loc=detail["loc"], input=None, ctx=detail.get("ctx", {}))


def _detail(fault: NamedFault) -> InitErrorDetails:
    loc = (fault.name,) if fault.name else ()
    return InitErrorDetails(type="value_error", loc=loc, input=None, ctx={"error": ValueError(fault.message)})
