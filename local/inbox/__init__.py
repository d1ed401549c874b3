"""Where notifications arrive on a laptop: it receives webhooks over TLS, stands in for Slack's API, and shows both."""

import asyncio
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from local.cluster.serving import issue, listen
from local.inbox.application import PREFIX, application
from local.inbox.messages import Messages

__all__ = ["PREFIX", "Inbox"]


class Inbox:
    """The inbox, while it is entered; the gateway serves its page beside the API, under `/_inbox`.

    Webhooks go to https addresses only, so that it has a TLS port of its own for them.
    """

    def __init__(self, home: Path, slack_tokens: frozenset[str], port: int = 0) -> None:
        """Take a port for webhooks at once, `port` if it is free; certificates go to `home`.

        Slack takes these tokens. Jobs of an earlier start send their webhooks to the port that it had.
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
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="inbox", daemon=True)

    def environment(self, gateway_url: str) -> dict[str, str]:
        """Give what functions find it by, in the parameters that an operator would use for hosts of their own."""
        return {
            "SLACK_API_URL": f"{gateway_url}{PREFIX}/slack/api/",
            "WEBHOOK_ALLOWED_HOSTS": f"localhost:{self.port}",
            "WEBHOOK_CA_FILE": str(self._credentials.authority),
        }

    def __enter__(self) -> Self:
        """Receive."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Receive no more."""
        self._server.should_exit = True
        self._thread.join(3)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _listen(port: int) -> socket.socket:
    try:
        return listen(port)
    except OSError:
        return listen(0)
