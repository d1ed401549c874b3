"""Networks with a proxy, or with certificate authorities of their own."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from jobs_cli import client
from jobs_cli.answers import is_permanent

from tests.cli.conftest import Jobs, Server
from tests.plain_authority import plain_authority, shake_hands

ME = {"organization_id": "org-acme", "role": "reader", "token_id": "t"}


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, server.url)
    monkeypatch.setenv("JOBS_API_URL", "http://jobs.invalid")
    server.on("GET /me", ME)

    assert jobs("whoami", "--json").json == ME
    assert server.asked[-1].headers["Host"] == "jobs.invalid"


def test_no_proxy_is_used_for_an_address_that_is_excepted(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.on("GET /me", ME)

    assert jobs("whoami", "--json").json == ME


@pytest.mark.usefixtures("server")
def test_an_unreachable_proxy_is_named_where_there_is_no_answer(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert "Are JOBS_API_URL and HTTP_PROXY right?" in jobs("whoami").err
    assert slept


def test_a_server_that_does_not_speak_tls_is_asked_once(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    monkeypatch.setenv("JOBS_API_URL", server.url.replace("http:", "https:"))

    ended = jobs("whoami")

    assert ended.code == 69
    assert "[SSL" in ended.err
    assert not slept


@pytest.mark.parametrize(
    ("message", "permanent"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1032)", True),
        ("[SSL] record layer failure (_ssl.c:1033)", True),
        ("[Errno 111] Connection refused", False),
    ],
)
def test_an_answer_without_tls_is_known_by_the_words_of_every_openssl(message: str, *, permanent: bool) -> None:
    assert is_permanent(OSError(message)) is permanent


@pytest.fixture
def private(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Return an https server, and the file of the authority that signed its certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(ME).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{running.server_address[1]}", tmp_path / "authority.pem"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.usefixtures("server")
def test_an_authority_of_ones_own_is_named_by_a_variable(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, private: tuple[str, Path]
) -> None:
    url, authority = private
    monkeypatch.setenv("JOBS_API_URL", url)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    refused = jobs("whoami")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))

    assert refused.code == 69
    assert "CERTIFICATE_VERIFY_FAILED" in refused.err
    assert jobs("whoami", "--json").json == ME


def test_an_authority_of_ones_own_needs_no_identifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "authority.pem"
    file.write_text(plain_authority().authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    trusting = client._authorities("https://jobs.example.com")

    assert isinstance(trusting, ssl.SSLContext)
    shake_hands(trusting, tmp_path)


def test_an_address_without_tls_needs_no_authorities(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    direct = jobs("list")
    # A client may use TLS to the proxy itself.
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    by_proxy = jobs("list")

    assert direct.code == 0, direct.err
    assert by_proxy.code == 1
    assert "certificate variables of the environment do not work" in by_proxy.err
