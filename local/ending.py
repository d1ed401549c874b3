"""Ends a process of the laptop on a signal, for which its main thread waits."""

import signal
import socket
import threading
from contextlib import suppress


class EndSignal(threading.Event):
    """Set by the first of several signals; the main thread must create it and wait for it."""

    def __init__(self, *numbers: signal.Signals) -> None:
        """Handle these signals from now on."""
        super().__init__()
        self._woken, waker = socket.socketpair()
        # Python writes a byte to it when a signal arrives, in any thread, and must not block there.
        waker.setblocking(False)
        self._waker = waker
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda *_: self.set())

    def set(self) -> None:
        """Set it, and wake who waits; safe in a signal handler and in any thread."""
        super().set()
        # If the buffer is full, an earlier byte has woken the reader.
        with suppress(BlockingIOError):
            self._waker.send(b"!")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a signal, at most so many seconds; return whether one came.

        Python runs a handler in the main thread, but does not wake that thread from a lock for a signal that another
        thread got: https://docs.python.org/3/library/signal.html#signals-and-threads. A byte wakes it from `recv`.
        """
        if timeout is not None:
            return super().wait(timeout)
        while not self.is_set():
            self._woken.recv(16)
        return True
