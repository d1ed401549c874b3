"""The emulator over HTTP, for other processes: jobsctl, the aws command line, and browsers that open a log's link."""

import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.emulator import admission
from local.emulator.s3_answers import Answer
from local.emulator.s3_forms import is_form
from local.emulator.services import Services

_PIECE = 256 * 1024
_BODY_BYTES = 5 * 1024**3
_IDLE_SECONDS = 60


class Server:
    """The server. It takes a free port of 127.0.0.1 when it is created, and answers once it is started."""

    def __init__(self, services: Services | None, access_key: str) -> None:
        """Take a port; requests must name the access key."""
        self.services = services
        self.access_key = access_key
        self._http = _Threads(("127.0.0.1", 0), _Handler, self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(1.0,), name="aws", daemon=True)

    def start(self) -> None:
        """Answer requests in threads of the server."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, without waiting for open requests."""
        if self._thread.is_alive():
            with suppress(OSError):
                # On Linux this wakes the thread, which otherwise looks once a second whether it is to end.
                self._http.socket.shutdown(socket.SHUT_RDWR)
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: Any, owner: Server) -> None:
        super().__init__(address, handler)
        self.owner = owner


class _Content:
    """A request's content, which ends after Content-Length bytes or after the last chunk."""

    def __init__(self, file: Any, headers: Any) -> None:
        self._file = file
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        self._left = 0 if self._chunked else min(_BODY_BYTES, int(headers.get("content-length") or 0))
        self._ended = False

    def read(self, size: int, /) -> bytes:
        if self._chunked and not self._left and not self._ended:
            self._next_chunk()
        piece: bytes = self._file.read(min(size, self._left)) if self._left else b""
        self._left -= len(piece)
        if self._chunked and not self._left and not self._ended:
            self._file.readline(100)
        return piece

    def _next_chunk(self) -> None:
        self._left = int(self._file.readline(100).partition(b";")[0].strip() or b"0", 16)
        if not self._left:
            self._ended = True
            self._file.readline(100)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: _Threads

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the standard library
        """Log nothing: a line for each call would hide what the functions log."""

    def _answer(self) -> None:
        owner = self.server.owner
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = self.path.partition("?")[2]
        content = _Content(self.rfile, headers)
        if self.command == "POST" and is_form(headers.get("content-type", "")) and admission.is_of_here(headers):
            self._take_form(headers, content)
            return
        refused = admission.refusal(headers, query, owner.access_key, datetime.now(UTC))
        if refused or owner.services is None:
            self.close_connection = True
            self._send(Answer(403, {"content-type": "text/plain"}, refused or b""))
            return
        service = admission.service_of(headers, query)
        answer = owner.services.answer(service, self.command, self.path, headers, content)
        while content.read(_PIECE):
            # On a kept connection, unread content would be taken for the next request.
            pass
        self._send(answer)

    def _take_form(self, headers: dict[str, str], content: _Content) -> None:
        """Answer a form, whose own fields say who signed it."""
        owner = self.server.owner
        # Unread content would be taken for the next request.
        self.close_connection = True
        if owner.services is None:
            self._send(Answer(403, {"content-type": "text/plain"}, admission.REFUSED))
        else:
            self._send(owner.services.form(self.path, headers, content, owner.access_key))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = dict(answer.headers)
        if isinstance(answer.content, bytes):
            headers.setdefault("content-length", str(len(answer.content)))
        for name, value in headers.items():
            self.send_header(name, value.replace("\r", "").replace("\n", ""))
        self.end_headers()
        if isinstance(answer.content, bytes):
            if self.command != "HEAD":
                self.wfile.write(answer.content)
            return
        with answer.content as file:
            left = answer.size or 0
            while left and (piece := file.read(min(left, _PIECE))):
                left -= len(piece)
                self.wfile.write(piece)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer  # noqa: N815 - the standard library's names
