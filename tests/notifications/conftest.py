"""For tests of notifications: receivers, a Slack, and a project with an owner."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import botocore.session
import pytest

from jobs_api.notifications.webhook import http
from tests.aws_of_template import within_its_policy
from tests.functions.conftest import alice, charlie, jaffle, rita
from tests.functions.people import Person
from tests.notifications.notification_world import Queue
from tests.notifications.receivers import Authority, Receiver, receiver
from tests.notifications.slack.fake_slack import Slack

# The same people as in tests/functions.
__all__ = ["alice", "charlie", "jaffle", "rita", "within_its_policy"]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def new_receiver(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Receiver]]:
    """Makes receivers on localhost, which the operator has allowed."""
    monkeypatch.setenv("WEBHOOK_CA_FILE", str(authority.file))
    http._tls.cache_clear()
    allowed: list[str] = []
    with ExitStack() as stack:

        def new() -> Receiver:
            made = stack.enter_context(receiver(authority.context("localhost")))
            allowed.append(f"localhost:{made.port}")
            monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", ",".join(allowed))
            return made

        yield new


@pytest.fixture
def hook(new_receiver: Callable[[], Receiver]) -> Receiver:
    """One such receiver."""
    return new_receiver()


@pytest.fixture
def slack(alice: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    """A fake Slack; Alice's organization has a token for it."""
    store_token(alice.organization_id, "xoxb-alice")
    with receiver(None, "127.0.0.1") as made:
        monkeypatch.setenv("SLACK_API_URL", f"http://127.0.0.1:{made.port}/api/")
        yield Slack(made)


@pytest.fixture
def queue() -> Queue:
    """An empty queue, at noon."""
    return Queue()


def store_token(organization_id: str, token: str) -> None:
    """Store a bot token, as `jobsctl organization slack-token` does."""
    client: Any = botocore.session.get_session().create_client("secretsmanager")
    client.create_secret(Name=f"{os.environ['SLACK_SECRETS']}{organization_id}", SecretString=token)
