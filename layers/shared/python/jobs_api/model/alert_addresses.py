"""Rules for where a job's notifications go: a Slack channel, a webhook's headers, and the events it may ask for."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from jobs_api.errors import shortened
from jobs_api.model.named_faults import NamedFault
from jobs_api.redaction.masking import MASK

MAX_HEADERS_BYTES = 16 * 1024
MOST_HEADERS = 20
# "#name" as people type it, or an id as in Slack's links.
SLACK_CHANNEL = re.compile(r"#[\w.-]{1,80}|[CDG][A-Z0-9]{6,20}")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# With Transfer-Encoding, the body would be sent in chunks that a receiver may not read as such.
RESERVED_HEADER = re.compile(r"host|transfer-encoding|content-.*|webhook-.*", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
WebhookEvent = Literal["started", "success", "failure", "cancelled", "late", "long"]
DEFAULT_EVENTS: list[WebhookEvent] = ["success", "failure"]


def header_faults(headers: Mapping[str, str]) -> Iterator[NamedFault]:
    """Return everything wrong with the headers of a webhook."""
    if len(headers) > MOST_HEADERS:
        yield NamedFault(None, f"has {len(headers)} headers; at most {MOST_HEADERS} are allowed")
    size = sum(len(name) + len(value) for name, value in headers.items())
    if size > MAX_HEADERS_BYTES:
        yield NamedFault(
            None, f"has {size} bytes in all; at most {MAX_HEADERS_BYTES} are allowed; few servers accept more"
        )
    if len({name.lower() for name in headers}) < len(headers):
        yield NamedFault(None, "names a header twice; upper and lower case are the same")
    for name, value in headers.items():
        shown = shortened(name)
        if not HEADER_NAME.fullmatch(name):
            yield NamedFault(None, f"{shown!r} is not a header name")
        elif RESERVED_HEADER.fullmatch(name):
            yield NamedFault(
                None,
                f"{shown} is set by the service; any but Host, Transfer-Encoding, Content-* and webhook-* may be added",
            )
        elif CONTROL.search(value) or not value.isascii():
            yield NamedFault(None, f"the value of {shown} must be ASCII without line breaks or control characters")
        elif value == MASK:
            yield NamedFault(None, f"{shown} has no stored value that {MASK} could stand for; send the value itself")


def check_slack_channel(channel: str) -> str:
    """Return a channel if Slack could have one of that name; raises ValueError."""
    if not SLACK_CHANNEL.fullmatch(channel):
        raise ValueError("must be a channel such as #data-alerts, or a channel id such as C024BE91L")
    return channel
