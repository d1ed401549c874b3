"""Objects whose names a client chooses, such as an environment or headers: all that is wrong with their entries."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import ErrorDetails, InitErrorDetails


@dataclass(frozen=True, slots=True)
class EntryFault:
    """What is wrong with an entry; without a `name`, with the whole object."""

    name: str | None
    message: str


def check_entries(
    sent: Any, handler: ValidatorFunctionWrapHandler, faults: Callable[[Mapping[str, str]], Iterable[EntryFault]]
) -> Any:
    """Return what pydantic makes of an object, for a validator that wraps its field.

    A value of a wrong type does not hide what is wrong with the other entries.

    Raises:
        ValidationError: with the values that are no texts, and the faults of all other entries.
    """
    broken: list[InitErrorDetails] = []
    try:
        entries = handler(sent)
    except ValidationError as error:
        if not isinstance(sent, dict):
            raise
        broken = [_init_details(detail) for detail in error.errors(include_url=False)]
        entries = {name: value for name, value in sent.items() if isinstance(value, str)}
    if details := [*broken, *(_detail(fault) for fault in faults(entries or {}))]:
        raise ValidationError.from_exception_data("entries", details)
    return entries


def _init_details(detail: ErrorDetails) -> InitErrorDetails:
    return InitErrorDetails(type=detail["type"], loc=detail["loc"], input=None, ctx=detail.get("ctx", {}))


def _detail(fault: EntryFault) -> InitErrorDetails:
    loc = (fault.name,) if fault.name else ()
    return InitErrorDetails(type="value_error", loc=loc, input=None, ctx={"error": ValueError(fault.message)})
