"""Posts a message to Slack with the organization's bot token. The only module that knows slack_sdk."""

import os
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from jobs_api.errors import shortened
from jobs_api.notifications import backoff
from jobs_api.notifications.slack.bot_token import bot_token

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError

TIMEOUT_SECONDS: Final = 10

# Errors that may be over in a while; every other error needs somebody to change something.
# https://docs.slack.dev/reference/methods/chat.postMessage#errors
TRANSIENT: Final = frozenset(
    {"ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error", "service_unavailable"}
    | {"request_timeout", "team_added_to_org", "accesslimited", "unknown_error"}
)
ADVICE: Final = {
    "account_inactive": "the bot was removed from the workspace; install it again and store its new token",
    "channel_not_found": "there is no such channel, or it is private and the bot is not in it; /invite the bot",
    "invalid_auth": "the bot token is not valid; store a valid one",
    "is_archived": "the channel is archived; choose another one",
    "missing_scope": "the bot needs the scope chat:write (chat:write.public for channels it is not in)",
    "no_permission": "the workspace does not let the bot post there",
    "not_authed": "the bot token is empty; store a valid one",
    "not_in_channel": "the bot is not in the channel; /invite it",
    "restricted_action": "the workspace does not let the bot post there",
    "token_expired": "the bot token has expired; store a new one",
    "token_revoked": "the bot token was revoked; install the bot again and store its new token",
}


class SlackFailed(Exception):
    """Slack did not accept a message; `permanent` where it will not until somebody changes something."""

    def __init__(
        self, error: str, *, permanent: bool, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(error)
        self.permanent = permanent
        self.status = status
        self.retry_after = retry_after


def post(organization_id: str, channel: str, message: dict[str, Any]) -> int:
    """Post a message; return the status of Slack's answer. Raises SlackFailed."""
    # The import is a twentieth of a cold start, and many organizations only have webhooks.
    from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415
    from slack_sdk.web import WebClient  # noqa: PLC0415

    token = bot_token(organization_id)
    if token is None:
        raise SlackFailed(
            "This organization has no Slack token; an operator stores one with jobsctl organization slack-token",
            permanent=True,
        )
    # The queue repeats what failed.
    client = WebClient(token, base_url=os.environ["SLACK_API_URL"], timeout=TIMEOUT_SECONDS, retry_handlers=[])
    try:
        answer = client.chat_postMessage(channel=channel, unfurl_links=False, unfurl_media=False, **message)
    except SlackApiError as error:
        raise _failure(error) from error
    except (SlackClientError, HTTPException, OSError, LookupError, ValueError, RecursionError) as error:
        # The last three: the answer has an unknown charset, is not text, or is nested too deeply.
        raise SlackFailed(f"Slack did not answer ({type(error).__name__})", permanent=False) from error
    return int(answer.status_code)


def _failure(error: "SlackApiError") -> SlackFailed:
    response: Any = error.response
    status = int(response.status_code)
    # The error page of a gateway is not JSON; slack_sdk then gives its text.
    code = shortened(str(response.get("error") or "")) if isinstance(response.data, dict) else ""
    transient = code in TRANSIENT or status == 429 or status >= 500 or not code
    needed = shortened(str(response.get("needed") or "")) if code == "missing_scope" else None
    advice = ADVICE.get(code, "see the errors of chat.postMessage in Slack's documentation")
    said = f"Slack says {code or status}: {advice}" + (f" (it says: {needed})" if needed else "")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return SlackFailed(
        f"Slack says {code or status}" if transient else said,
        permanent=not transient,
        status=status,
        retry_after=backoff.asked_for(str(headers.get("retry-after", "")), datetime.now(UTC)),
    )
