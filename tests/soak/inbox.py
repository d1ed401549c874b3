"""Collects what arrives in the stack's inbox, which keeps only the latest itself."""

import json
import threading
from collections import Counter
from typing import Any
from urllib.request import urlopen

TAKEN = frozenset({"taken", "posted"})


class Collected:
    """The notifications that have arrived: webhooks by organization and id, Slack messages by channel."""

    def __init__(self, url: str) -> None:
        """Read from the inbox at this address."""
        self._url = url
        self._after = 0
        self._lock = threading.Lock()
        self.webhooks: dict[str, Counter[str]] = {}
        self.slack: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.all: list[dict[str, Any]] = []

    def collect(self) -> None:
        """Take what has come since the last time."""
        with self._lock:
            with urlopen(f"{self._url}/messages?after={self._after}", timeout=30) as answer:  # noqa: S310 - it is http
                messages = json.load(answer)["messages"]
            self.all += messages
            for message in messages:
                self._take(message)
            self._after = max([self._after, *(message["number"] for message in messages)])

    def _take(self, message: dict[str, Any]) -> None:
        if message["kind"] == "slack":
            self.slack[message["to"]] += message["verdict"] in TAKEN
        else:
            organization_id = message["to"].split("/")[3]
            self.webhooks.setdefault(organization_id, Counter())[message["headers"]["webhook-id"]] += 1
        if message["verdict"] not in {*TAKEN, "signature verified"}:
            self.refused[message["verdict"]] += 1
