"""Webhooks only go to allowed addresses, and end after ten seconds, for every behaviour of the receiver."""

import socket
import ssl
import time
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from jobs_api.model.webhook_url import Address
from jobs_api.notifications.webhook import http, receiver_addresses
from jobs_api.notifications.webhook.http import Answer, Unreachable, post
from jobs_api.notifications.webhook.receiver_addresses import LeadsInside, Refused
from tests.notifications.receivers import (
    Authority,
    Handler,
    Receiver,
    accepts,
    answers,
    closes_half_way,
    drips,
    receiver,
)
from tests.plain_authority import plain_authority, shake_hands

LOOPBACK = ip_address("127.0.0.1")


def leads_to(*addresses: str) -> Callable[[str, int], list[Address]]:
    return lambda _host, _port: [ip_address(address) for address in addresses]


def test_it_works(hook: Receiver) -> None:
    answer = post(f"{hook.url}?team=data", b'{"a": 1}', {"X-Token": "t", "Content-Type": "application/json"})

    assert answer == Answer(200, "thanks")
    assert answer.accepted
    [request] = hook.received
    assert request.path == "/hook?team=data"
    assert request.body == b'{"a": 1}'
    assert request.headers["host"] == f"localhost:{hook.port}"
    assert request.headers["x-token"] == "t"
    assert request.headers["user-agent"] == "jobs-api-webhooks/1"


@pytest.mark.parametrize("name", ["User-Agent", "user-agent", "USER-AGENT"])
def test_a_job_may_name_another_user_agent(hook: Receiver, name: str) -> None:
    post(hook.url, b"{}", {name: "ours/2"})

    assert hook.received[0].headers["user-agent"] == "ours/2"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
    ],
)
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="private, local or reserved"):
        post("https://innocent.example/hook", b"{}", {}, resolve=leads_to(address))


def test_a_private_address_and_an_unknown_name_have_the_same_error() -> None:
    def unknown(_host: str, _port: int) -> list[Address]:
        raise socket.gaierror(-2, "Name or service not known")

    told = set()
    for resolve in (leads_to("10.0.0.1"), leads_to("fd00::1", "8.8.8.8"), leads_to(), unknown):
        with pytest.raises((LeadsInside, Unreachable)) as caught:
            post("https://innocent.example/hook", b"{}", {}, resolve=resolve)
        told.add(str(caught.value))

    assert told == {"the host name could not be resolved, or leads to a private, local or reserved address"}


def test_a_name_with_one_private_address_is_refused() -> None:
    with pytest.raises(Refused):
        post("https://innocent.example/hook", b"{}", {}, resolve=leads_to("93.184.215.14", "10.0.0.1"))


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "017700000001", "localhost", "[::1]"])
def test_other_ways_to_write_loopback_are_refused_by_what_they_resolve_to(host: str) -> None:
    with pytest.raises(Refused):
        post(f"https://{host}/hook", b"{}", {})


def test_only_https_is_used(authority: Authority) -> None:
    del authority
    with receiver(None) as plain, pytest.raises(Refused, match="https"):
        post(plain.url, b"{}", {})


def test_a_name_that_resolves_to_another_address_after_the_check_changes_nothing(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is made to the address that was judged; the name is never looked up a second time."""
    monkeypatch.setattr(receiver_addresses, "is_public", lambda address: address == LOOPBACK)
    monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", "")
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[Address]:
        asked.append(host)
        return [LOOPBACK] if len(asked) == 1 else [ip_address("169.254.169.254")]

    # The receiver's certificate is for its own name only, so TLS fails for another name, and no other host is called.
    with pytest.raises(Unreachable, match="certificate"):
        post(f"https://rebinding.example:{hook.port}/hook", b"{}", {}, resolve=rebinding)

    assert asked == ["rebinding.example"]


def test_the_certificate_is_that_of_the_name_and_not_of_the_address(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_addresses, "is_public", lambda _: True)
    monkeypatch.setattr(http, "_tls", lambda _: ssl.create_default_context(cafile=str(authority.file)))
    with receiver(authority.context("hooks.example"), "hooks.example") as named:
        assert post(named.url, b"{}", {}, resolve=leads_to("127.0.0.1")).accepted
        assert named.received[0].headers["host"] == f"hooks.example:{named.port}"
        with pytest.raises(Unreachable, match="certificate"):
            post(f"https://other.example:{named.port}/", b"{}", {}, resolve=leads_to("127.0.0.1"))


def test_an_unknown_authority_is_not_trusted(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    with receiver(authority.context("localhost")) as named:
        monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", f"localhost:{named.port}")
        monkeypatch.delenv("WEBHOOK_CA_FILE", raising=False)
        with pytest.raises(Unreachable, match="certificate is not valid"):
            post(named.url, b"{}", {})
        assert not named.received


def test_the_operators_authority_vouches_for_the_operators_hosts_alone(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_addresses, "is_public", lambda _: True)
    monkeypatch.setenv("WEBHOOK_CA_FILE", str(authority.file))
    monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", "other.internal")
    with (
        receiver(authority.context("hooks.example"), "hooks.example") as named,
        pytest.raises(Unreachable, match="certificate is not valid"),
    ):
        post(named.url, b"{}", {}, resolve=leads_to("127.0.0.1"))


def test_the_operators_authority_needs_no_identifiers(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_text(plain_authority().authority)

    shake_hands(http._tls(str(file)), tmp_path)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(hook: Receiver, status: int) -> None:
    hook.plans = [answers(status, Location="https://169.254.169.254/latest/meta-data/")]

    answer = post(hook.url, b"{}", {})

    assert answer.status == status
    assert not answer.accepted
    assert len(hook.received) == 1


def test_a_receiver_that_answers_byte_by_byte_is_abandoned_in_time(hook: Receiver) -> None:
    hook.plans = [drips(seconds=30)]
    begun = time.monotonic()

    with pytest.raises(Unreachable, match="no answer within"):
        post(hook.url, b"{}", {}, timeout_seconds=0.3)

    assert time.monotonic() - begun < 15


def test_a_receiver_that_stalls_the_tls_handshake_is_abandoned_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", f"localhost:{port}")
        with pytest.raises(Unreachable, match="no answer within"):
            post(f"https://localhost:{port}/", b"{}", {}, timeout_seconds=0.3)


def test_a_resolver_that_stalls_is_not_waited_for() -> None:
    def stalls(_host: str, _port: int) -> list[Address]:
        time.sleep(1)
        return [LOOPBACK]

    with pytest.raises(Unreachable, match="no answer within"):
        post("https://slow.example/", b"{}", {}, resolve=stalls, timeout_seconds=0.2)


def test_addresses_that_take_no_connection_have_the_time_of_one_attempt_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []

    def never_connects(connection: HTTPSConnection) -> socket.socket:
        assert isinstance(connection.timeout, float)
        waited.append(connection.timeout)
        time.sleep(connection.timeout)
        raise ConnectTimeoutError(connection, "timed out") from TimeoutError()

    monkeypatch.setattr(HTTPSConnection, "_new_conn", never_connects)
    with pytest.raises(Unreachable, match="no answer within"):
        post(
            "https://hooks.example/", b"{}", {}, resolve=leads_to("1.1.1.1", "1.1.1.2", "1.1.1.3"), timeout_seconds=1.5
        )

    assert waited
    assert sum(waited) <= 1.5


def test_a_receiver_with_many_addresses_has_all_the_time_that_is_left_for_its_answer(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_addresses, "MOST_ADDRESSES", 300)

    def answers_late(handler: Handler) -> None:
        time.sleep(0.3)
        accepts(handler)

    hook.plans = [answers_late]

    # Each of them has 0.1 seconds to take the connection.
    answer = post(hook.url, b"{}", {}, resolve=leads_to(*["127.0.0.1"] * 300), timeout_seconds=30)

    assert answer.accepted


def test_a_receiver_that_closes_half_way_gave_no_answer(hook: Receiver) -> None:
    hook.plans = [closes_half_way]

    with pytest.raises(Unreachable, match="closed early"):
        post(hook.url, b"{}", {})


def test_a_receiver_that_refuses_connections_gave_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", f"localhost:{port}")

    with pytest.raises(Unreachable, match="refused"):
        post(f"https://localhost:{port}/", b"{}", {})


def test_a_name_that_does_not_resolve_gave_no_answer() -> None:
    def unknown(_host: str, _port: int) -> list[Address]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unreachable, match="could not be resolved"):
        post("https://nowhere.invalid/", b"{}", {}, resolve=unknown)


def test_the_next_address_is_tried_where_one_takes_no_connection(hook: Receiver) -> None:
    answer = post(hook.url, b"{}", {}, resolve=leads_to("127.0.0.2", "127.0.0.1"))

    assert answer.accepted


def test_only_the_beginning_of_a_long_answer_is_read(hook: Receiver) -> None:
    hook.plans = [answers(500, b"x" * 10_000_000)]

    assert post(hook.url, b"{}", {}).text == "x" * http.RECEIVER_ANSWER_BYTES


@pytest.mark.parametrize(("value", "seconds"), [("120", 120), (" 7 ", 7), ("soon", None), ("-3", None)])
def test_retry_after_may_be_seconds(hook: Receiver, value: str, seconds: int | None) -> None:
    hook.plans = [answers(429, Retry_After=value)]

    expected = None if seconds is None else timedelta(seconds=seconds)
    assert post(hook.url, b"{}", {}).retry_after == expected
