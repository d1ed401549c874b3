"""AWS clients: one for each service and process, none of which waits for longer than a function has."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
import pytest

from jobs_api.aws import clients
from jobs_api.aws.clients import CONNECT_SECONDS, SETTINGS, Service
from jobs_api.store.rows import connection
from layers.build_layer import SERVICES

THREADS = 16
# Globals.Function.Timeout of template.yaml.
FUNCTION_SECONDS = 25


class SlowSession:
    """A session that makes clients slowly, and knows how many it makes at once."""

    made = 0
    at_once = 0

    def create_client(self, _: str, **__: Any) -> object:
        kind = type(self)
        kind.made += 1
        kind.at_once += 1
        assert kind.at_once == 1
        time.sleep(0.05)
        kind.at_once -= 1
        return object()


def test_threads_that_ask_at_once_get_one_client_of_each_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_clients", {})
    monkeypatch.setattr(botocore.session, "get_session", SlowSession)
    start = threading.Barrier(THREADS)

    def ask(number: int) -> object:
        start.wait()
        return clients.client("kms") if number % 2 else clients.client("sqs")

    with ThreadPoolExecutor(THREADS) as pool:
        asked = list(pool.map(ask, range(THREADS)))

    assert SlowSession.made == 2
    assert len({id(client) for client in asked}) == 2


@pytest.mark.parametrize("service", SETTINGS)
def test_a_client_has_the_time_outs_and_attempts_of_its_service(service: Service) -> None:
    config: Any = clients.client(service).meta.config
    settings = SETTINGS[service]

    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, settings.read_seconds)
    assert config.retries["total_max_attempts"] == settings.attempts
    assert config.max_pool_connections == settings.connections


@pytest.mark.parametrize("service", SETTINGS)
def test_a_call_that_hangs_once_leaves_the_function_time_to_answer(service: Service) -> None:
    assert CONNECT_SECONDS + SETTINGS[service].read_seconds < FUNCTION_SECONDS / 2


def test_pynamodb_has_the_time_outs_and_attempts_of_dynamodb() -> None:
    config: Any = connection.client.meta.config
    settings = SETTINGS["dynamodb"]

    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, settings.read_seconds)
    assert config.retries["total_max_attempts"] == settings.attempts
    assert config.max_pool_connections == settings.connections


def test_the_layer_has_what_botocore_knows_of_each_service() -> None:
    # Only the endpoint of STS is used, to sign the token that a cluster sends there.
    assert {*SETTINGS, "sts"} == SERVICES
