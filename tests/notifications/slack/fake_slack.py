"""Slack's chat.postMessage over HTTP."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from tests.notifications.receivers import Behaviour, Handler, Receiver


@dataclass
class Slack:
    """The posted messages, and Slack's answers to the next ones."""

    receiver: Receiver

    def __post_init__(self) -> None:
        self.receiver.always = self.takes

    @property
    def posted(self) -> list[dict[str, Any]]:
        """Each accepted message: its channel, text and blocks, and the token's owner."""
        taken: list[dict[str, Any]] = []
        for request in self.receiver.received:
            fields: dict[str, Any] = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            if request.headers["content-type"].startswith("application/json"):
                fields = json.loads(request.body)
            blocks: Any = fields.get("blocks", [])
            taken.append(
                {
                    **fields,
                    "blocks": json.loads(blocks) if isinstance(blocks, str) else blocks,
                    "by": request.headers["authorization"],
                }
            )
        return taken

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.posted]

    def says(self, error: str, status: int = 200, **headers: str) -> Behaviour:
        body = json.dumps({"ok": False, "error": error}).encode()
        return lambda handler: handler.answer(status, body, Content_Type="application/json", **headers)

    def takes(self, handler: Handler) -> None:
        handler.answer(200, b'{"ok": true, "channel": "C1", "ts": "1.2"}', Content_Type="application/json")
