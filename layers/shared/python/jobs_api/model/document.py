"""The base of all JSON documents of the API: times with a `Z`, and no `null` for a field without a value."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Final, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from jobs_api.errors import MOST_CHARACTERS, MOST_FAULTS, Fault, InvalidRequest

T = TypeVar("T")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
PLUS_LOST = re.compile(r" \d\d:\d\d\Z")

EARLIEST_YEAR, LATEST_YEAR = 1970, 9998
NO_SUCH_TIME = "names a day or a time of day that does not exist; a time is such as 2026-04-28T02:00:00Z"


def _is_none(value: object) -> bool:
    return value is None


def rfc3339(moment: datetime) -> str:
    """Format an aware time as RFC 3339 in UTC with `Z` and whole seconds, the fraction dropped."""
    # A slice, because strftime takes twice as long, and a list has hundreds of these.
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


Timestamp = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json-unless-none"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An aware time; in JSON `2026-04-28T02:00:00Z`."""


def check_rfc3339(text: object) -> object:
    """Return what was sent; raise ValueError for a text that is no time with an offset."""
    if isinstance(text, str) and not RFC3339.fullmatch(text):
        # An unescaped `+` in a URL is read as a space.
        hint = ", its + written as %2B" if isinstance(text, str) and PLUS_LOST.search(text) else ""
        raise ValueError(f"must be a time with its offset{hint}, such as 2026-04-28T02:00:00Z")
    return text


def check_year(moment: datetime) -> datetime:
    """Return a time; raise ValueError where converting it might exceed the range of a datetime."""
    # Beyond these years, converting a time to UTC may exceed the range of a datetime.
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"must lie in the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return moment


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(check_rfc3339),
    AfterValidator(check_year),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time that a client sends: RFC 3339, with an offset."""

Absent = Annotated[T | None, Field(exclude_if=_is_none)]
"""A field that is left out of the document while it has no value: `Absent[int] = None`."""


OUR_WORDS: Final = {
    "missing": "is required",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text in quotation marks",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must be at most {max_length} characters",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} in the list",
    "too_long": "must have at most {max_length} in the list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "datetime_parsing": NO_SUCH_TIME,
    "datetime_from_date_parsing": NO_SUCH_TIME,
    "datetime_object_invalid": NO_SUCH_TIME,
}
"""What a client reads for each of pydantic's errors, with the error's own limits."""


class Document(BaseModel):
    """A JSON object that the API accepts or returns; immutable, and unknown fields are an error."""

    # Errors do not quote the input: they are logged, and the input may be a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def checked(cls, document: Mapping[str, Any], context: object = None) -> Self:
        """Validate what somebody sent, with what the validators need to know; raises InvalidRequest with all faults."""
        try:
            return cls.model_validate(dict(document), context=context)
        except ValidationError as error:
            raise InvalidRequest(faults_of(error, cls)) from error

    @classmethod
    def known(cls, **values: Any) -> Self:
        """Make a document from values that are already valid, as unpickling does; lists have thousands of documents.

        Unlike `model_construct`, which takes five times as long, it needs every field that has no plain default.
        """
        document = cls.__new__(cls)
        document.__setstate__(
            {
                "__dict__": {**_defaults(cls), **values},
                "__pydantic_fields_set__": set(values),
                "__pydantic_extra__": None,
                "__pydantic_private__": None,
            }
        )
        return document


@cache
def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Return the default of each field of a model, in the order of the fields."""
    return {name: field.default for name, field in model.model_fields.items()}


# For a document that few of the functions use that import it: its rules are compiled at the first use.
COMPILED_LATE = ConfigDict(defer_build=True)


class Record(Document):
    """A document that is never accepted or returned whole: it is stored, or a part of another document.

    Its rules are compiled when they are first used, because most functions that import it never use them.
    """

    model_config = COMPILED_LATE


def faults_of(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Return pydantic's errors in our words; for an unknown field, suggest the name that was probably meant."""
    details = error.errors(include_url=False)
    return [
        fault_of(detail, known=_names_at(model, detail["loc"]) if at < MOST_FAULTS else ())
        for at, detail in enumerate(details)
    ]


def _names_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the names that clients may use beside a field: those of the object in which its path ends."""
    for part in path[:-1]:
        field = model.model_fields.get(str(part))
        if field is not None:
            inner = next(iter(_models_in(field.annotation)), None)
            if inner is None:
                return []
            model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models of an annotation such as `list[Predecessor] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def fault_of(detail: ErrorDetails, *, known: Iterable[str] = (), skip: int = 0) -> Fault:
    """Return one of pydantic's errors in our words, without the first `skip` parts of its path."""
    path = ".".join(str(part) for part in detail["loc"][skip:]) or "body"
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return Fault(path, str(context["error"]))
    if kind == "extra_forbidden":
        # The search compares character by character, and a name of thousands of characters is not a misspelt one of
        # ours. The suggestions are the fields of the whole object, not of an object within it.
        name = str(detail["loc"][-1])
        meant = get_close_matches(name, list(known), n=1) if len(name) <= MOST_CHARACTERS else []
        return Fault(path, "is not a field of this object" + (f"; did you mean {meant[0]}?" if meant else ""))
    if kind in OUR_WORDS:
        return Fault(path, OUR_WORDS[kind].format(**context))
    return Fault(path, detail["msg"].replace("Input should be", "must be", 1))
