"""The laptop's receiver of notifications: it receives webhooks over TLS, replaces Slack's API, and shows both."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from local.cluster.serving import issue, listen
from local.inbox.application import PREFIX, application
from local.inbox.messages import Messages
from local.serving import ServerThread

__all__ = ["PREFIX", "Inbox"]


class Inbox:
    """The inbox, which runs during the `with` block; the gateway serves its page under `/_inbox`.

    Webhooks go to https addresses only, so the inbox has a TLS port for them.
    """

    def __init__(self, home: Path, slack_tokens: frozenset[str], port: int = 0) -> None:
        """Take a port for webhooks, `port` if it is free; certificates are written to `home`.

        The inbox's Slack accepts `tokens`. Jobs of an earlier start send webhooks to the port that the inbox had then.
        """
        self._credentials = issue(home / "inbox")
        self._socket: socket.socket = _listen(port)
        self.port = int(self._socket.getsockname()[1])
        self.hooks = f"https://localhost:{self.port}{PREFIX}/hooks"
        self.messages = Messages()
        self.application: Starlette = application(self.messages, slack_tokens, self.hooks)
        config = uvicorn.Config(
            self.application,
            ssl_certfile=self._credentials.certificate,
            ssl_keyfile=self._credentials.key,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = ServerThread(config, self._socket, "inbox")

    def environment(self, gateway_url: str) -> dict[str, str]:
        """Return the variables by which functions find the inbox: those that an operator sets for other hosts."""
        return {
            "SLACK_API_URL": f"{gateway_url}{PREFIX}/slack/api/",
            "WEBHOOK_ALLOWED_HOSTS": f"localhost:{self.port}",
            "WEBHOOK_CA_FILE": str(self._credentials.authority),
        }

    def __enter__(self) -> Self:
        """Start receiving."""
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop receiving."""
        self._server.end(3)


def _listen(port: int) -> socket.socket:
    try:
        return listen(port)
    except OSError:
        return listen(0)
