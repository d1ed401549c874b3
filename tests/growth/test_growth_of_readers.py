"""Code that reads a name, header, schedule, command or token takes time in proportion to its length."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from jobs_api.api import cursors
from jobs_api.auth import tokens
from jobs_api.errors import InvalidRequest
from jobs_api.k8s import failure_words, labels
from jobs_api.k8s.observed import observe
from jobs_api.model import commands, names, quantity, webhook_url, words
from jobs_api.model.commands import ProjectType
from jobs_api.model.document import RFC3339
from jobs_api.notifications import backoff
from jobs_api.schedule import go_text, grammar, timezones
from jobs_api.sync import sync_messages
from tests.growth.growth import is_linear, repeated

NOW = datetime(2026, 4, 28, tzinfo=UTC)


def whatever_it_says(read: Callable[[str], object]) -> Callable[[str], object]:
    """Return a reader whose refusals count as well."""

    def said(text: str) -> object:
        try:
            return read(text)
        except (ValueError, InvalidRequest) as refusal:
            return refusal

    return said


READERS: dict[str, Callable[[str], object]] = {
    "a token": lambda text: tokens.authenticate(f"Bearer {text}", lambda _: None, NOW),
    "a header of two words": lambda text: tokens.BEARER.fullmatch(f"bearer {text}"),
    "a cursor": lambda text: cursors.read(text, {}, "key"),
    "Retry-After": lambda text: backoff.asked_for(text, NOW),
    "a name": names.slug,
    "a subdomain": names._DNS_SUBDOMAIN.fullmatch,
    "a time": RFC3339.fullmatch,
    "a cluster's refusal": lambda text: sync_messages.WHO.sub("this service", text),
    "an annotation": lambda text: failure_words.command_name(
        observe({"metadata": {"annotations": {labels.COMMAND: text}}})
    ),
    "a command's words": words.split,
    "a command of dbt": lambda text: commands.parse_command(f"dbt run {text}", ProjectType.DBT),
    "a command of SQLMesh": lambda text: commands.parse_command(f"sqlmesh run {text}", ProjectType.SQLMESH),
    "a schedule": grammar.read,
    "a duration": go_text.parse_duration,
    "a quotation": go_text.quote,
    "a quantity": quantity.parse,
    "a time zone": timezones.check_timezone,
    "an address": webhook_url.check_webhook_url,
}
UNITS = [
    "a",
    "A",
    "1",
    " ",
    "-",
    ".",
    "a.",
    "a-",
    '"',
    "'",
    "\\",
    "\\'",
    "'\"",
    "$(",
    "$",
    "é",
    "\n",
    "/",
    "*",
    ",",
    "#",
    'User "',
    "=",
    "_",
]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("reader", READERS)
def test_reading_grows_no_faster_than_what_is_read(reader: str, unit: str) -> None:
    assert is_linear(whatever_it_says(READERS[reader]), repeated(unit))
