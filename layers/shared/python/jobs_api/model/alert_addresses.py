"""Rules for where a job's notifications go: a Slack channel, a webhook's headers, and the events it may ask for."""

import re
from typing import Literal

from jobs_api.redaction.masking import MASK

MAX_HEADERS_BYTES = 16 * 1024
# "#name" as people type it, or an id as in Slack's links.
SLACK_CHANNEL = re.compile(r"#[\w.-]{1,80}|[CDG][A-Z0-9]{6,20}")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
RESERVED_HEADER = re.compile(r"host|content-.*|webhook-.*", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
WebhookEvent = Literal["started", "success", "failure", "cancelled", "late", "long"]
DEFAULT_EVENTS: list[WebhookEvent] = ["success", "failure"]


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of a webhook if they obey every rule; raises ValueError."""
    if len(headers) > 20:
        raise ValueError(f"has {len(headers)} headers; at most 20 are allowed")
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if RESERVED_HEADER.fullmatch(name):
            raise ValueError(f"{name} is set by the service; any but Host, Content-* and webhook-* may be added")
        if CONTROL.search(value) or not value.isascii():
            raise ValueError(f"the value of {name} must be ASCII without line breaks or control characters")
        if value == MASK:
            raise ValueError(f"{name} has no stored value that {MASK} could stand for; send the value itself")
    size = sum(len(name) + len(value) for name, value in headers.items())
    if size > MAX_HEADERS_BYTES:
        raise ValueError(f"has {size} bytes in all; at most {MAX_HEADERS_BYTES} are allowed; few servers accept more")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("names a header twice; upper and lower case are the same")
    return headers


def check_slack_channel(channel: str) -> str:
    """Return a channel if Slack could have one of that name; raises ValueError."""
    if not SLACK_CHANNEL.fullmatch(channel):
        raise ValueError("must be a channel such as #data-alerts, or a channel id such as C024BE91L")
    return channel
