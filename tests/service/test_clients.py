"""AWS clients: one for each service and process, none of which waits for longer than a function has."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

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


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "logs.s3.us-east-1.amazonaws.com"),
        ("eu-central-1", "logs.s3.eu-central-1.amazonaws.com"),
        ("af-south-1", "logs.s3.af-south-1.amazonaws.com"),
        ("us-gov-west-1", "logs.s3.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "logs.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_links_and_forms_lead_to_the_region_of_the_bucket(
    region: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address without a region redirects for a new bucket, and a signature holds for one address alone."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    monkeypatch.setattr(clients, "_clients", {})
    bucket = clients.client("s3")

    link = bucket.generate_presigned_url("get_object", Params={"Bucket": "logs", "Key": "logs/a.log.gz"})
    form = bucket.generate_presigned_post(Bucket="logs", Key="artifacts/a")

    assert (urlsplit(link).hostname, urlsplit(form["url"]).hostname) == (host, host)


def test_an_emulator_is_asked_by_its_own_address_for_each_bucket() -> None:
    link = clients.client("s3").generate_presigned_url("get_object", Params={"Bucket": "logs", "Key": "a"})
    assert link.startswith(f"{os.environ['AWS_ENDPOINT_URL']}/logs/a?")


def test_pynamodb_has_the_time_outs_and_attempts_of_dynamodb() -> None:
    config: Any = connection.client.meta.config
    settings = SETTINGS["dynamodb"]

    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, settings.read_seconds)
    assert config.retries["total_max_attempts"] == settings.attempts
    assert config.max_pool_connections == settings.connections


def test_the_layer_has_what_botocore_knows_of_each_service() -> None:
    # Only the endpoint of STS is used, to sign the token that a cluster sends there.
    assert {*SETTINGS, "sts"} == SERVICES
