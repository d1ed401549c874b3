"""A client of the API that retries as a careful one does: with the same Idempotency-Key and for a limited time."""

import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.http_answer import HttpAnswer
from tests.soak.ledger import Ledger

PATIENCE_SECONDS = 90
TIMEOUT_SECONDS = 40


class Answer(HttpAnswer):
    """An answer."""

    @property
    def worth_another_try(self) -> bool:
        """Whether a retry may succeed."""
        return self.status >= 500 or self.status == 429 or (self.status == 409 and "retry-after" in self.headers)


@dataclass
class Client:
    """One connection, for one thread."""

    url: str
    token: str
    ledger: Ledger
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Connect on the first request."""
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT_SECONDS)

    def call(self, name: str, method: str, path: str, body: Any = None, key: str | None = None) -> Answer | None:
        """Send a request until it has a final answer; None if it never has. `name` is the one in the counts."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        wait = 0.5
        while True:
            answer = self.once(name, method, path, body, key)
            if answer and not answer.worth_another_try:
                return answer
            if time.monotonic() > deadline or self.ledger.halted.wait(wait):
                return None
            wait = min(8, wait * 2)

    def once(
        self, request_name: str, method: str, path: str, body: Any = None, key: str | None = None
    ) -> Answer | None:
        """Send a request once; return None without an answer."""
        headers = {"Authorization": f"Bearer {self.token}", **({"Idempotency-Key": key} if key else {})}
        try:
            self._connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            response = self._connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self.ledger.count(request_name, type(error).__name__)
            return None
        self.ledger.count(request_name, response.status)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
