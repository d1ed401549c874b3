"""The gateway compresses large answers for clients that accept it, as API Gateway does by MinimumCompressionSize."""

import gzip

import pytest

from local.gateway.definition import definition_of
from local.template import Template
from tests.local.conftest import Client

LARGE = {"size": 1024}


def test_the_template_says_from_which_size(small_template: Template) -> None:
    assert definition_of(small_template).minimum_compression_bytes == 1024


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5"])
def test_a_large_answer_is_compressed_for_a_client_that_accepts_it(gateway: Client, accepted: str) -> None:
    answer = gateway.call("POST", "/open/do", ("Accept-Encoding", accepted), body=LARGE)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.body) < 1000
    assert gzip.decompress(answer.body) == b"x" * 1024


@pytest.mark.parametrize("accepted", ["", "br", "deflate", "gzip;q=0", "br, gzip; q=0.0"])
def test_an_answer_is_not_compressed_for_a_client_that_does_not_accept_it(gateway: Client, accepted: str) -> None:
    answer = gateway.call("POST", "/open/do", ("Accept-Encoding", accepted), body=LARGE)

    assert answer.headers["Content-Encoding"] is None
    assert answer.body == b"x" * 1024


def test_a_small_answer_is_sent_as_it_is(gateway: Client) -> None:
    answer = gateway.call("POST", "/open/do", ("Accept-Encoding", "gzip"), body={"size": 1023})

    assert answer.headers["Content-Encoding"] is None
    assert answer.body == b"x" * 1023


def test_an_answer_that_its_handler_compressed_is_left_alone(gateway: Client) -> None:
    answered = {"statusCode": 200, "headers": {"content-encoding": "br"}, "body": "x" * 2000}

    answer = gateway.call("POST", "/open/do", ("Accept-Encoding", "gzip"), body={"return": answered})

    assert answer.headers.get_all("Content-Encoding") == ["br"]
    assert answer.body == b"x" * 2000
