"""The time that one attempt to reach a receiver may take in all, from the look-up of its name to its whole answer."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from jobs_api.model.webhook_url import Address


class Deadline:
    """Closes the open connection when the time is over: a socket's own timeout starts again with each byte."""

    def __init__(self, seconds: float) -> None:
        self.passed = threading.Event()
        self._ends_at = _seconds() + seconds
        self._open: socket.socket | None = None
        self._lock = threading.Lock()
        self.timer = threading.Timer(seconds, self._end)
        self.timer.daemon = True
        self.timer.start()

    @property
    def left(self) -> float:
        """The seconds until then, 0 afterwards."""
        return max(0.0, self._ends_at - _seconds())

    def guard(self, sock: socket.socket) -> None:
        """Close this connection too, by a copy of its descriptor, since TLS takes over the original."""
        with self._lock:
            self._close()
            self._open = sock.dup()
        if self.passed.is_set():
            self._end()

    def release(self) -> None:
        """Stop the clock, since the attempt is over."""
        self.timer.cancel()
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._open:
            self._open.close()
            self._open = None

    def _end(self) -> None:
        self.passed.set()
        with self._lock, suppress(OSError):
            if self._open:
                self._open.shutdown(socket.SHUT_RDWR)


def in_time(ask: Callable[[], list[Address]], deadline: Deadline) -> list[Address]:
    """Resolve a name in a separate thread: the system's resolver has only its own timeout."""
    answers: list[list[Address] | OSError | UnicodeError] = []
    done = threading.Event()

    def run() -> None:
        try:
            answers.append(ask())
        except (OSError, UnicodeError) as error:
            answers.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="resolve", daemon=True).start()
    while not done.wait(0.05):
        if deadline.passed.is_set():
            raise TimeoutError
    answer = answers[0] if answers else OSError("the resolver failed")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _seconds() -> float:
    # By the clock of the timer. It stands still while Lambda freezes the process, and so does the attempt.
    return time.monotonic()  # noqa: TID251
