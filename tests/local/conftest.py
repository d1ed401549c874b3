"""One small service (template.yaml beside this file) behind one gateway for all tests here."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.listening import listen
from local.template import Template, read
from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Sends requests exactly as written: paths are not touched, header names keep their case, and may come twice."""

    url: str

    def call(
        self, method: str, path: str, *headers: tuple[str, str], body: bytes | str | dict[str, Any] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        content = (
            json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
        )
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if content is not None:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def event(self, method: str, path: str, *headers: tuple[str, str], body: bytes | str | None = None) -> Any:
        """Return the event that the handler got."""
        answer = self.call(method, path, *headers, body=body)
        assert answer.status == 200, answer.body
        return answer.json["event"]


@pytest.fixture(scope="session")
def small_template() -> Template:
    return read(HERE / "template.yaml", stack_name="laptop")


@pytest.fixture
def functions(small_template: Template) -> Functions:
    return Functions(small_template.functions())


@pytest.fixture(scope="session")
def gateway(small_template: Template) -> Iterator[Client]:
    with Gateway(definition_of(small_template), Functions(small_template.functions()), listen()) as running:
        yield Client(running.url)


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition; fail after a time-out."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
