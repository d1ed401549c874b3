"""Ends a process of the laptop on a signal, for which its main thread waits."""

import signal
import threading


class EndSignal(threading.Event):
    """Set by the first of several signals; the main thread must create it and wait for it."""

    def __init__(self, *numbers: signal.Signals) -> None:
        """Handle these signals from now on."""
        super().__init__()
        for number in numbers:
            signal.signal(number, lambda *_: self.set())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a signal, at most so many seconds; return whether one came.

        The system may deliver a signal to any thread. Python runs the handler in the main thread, but does not wake the
        main thread from a wait without a time-out: https://docs.python.org/3/library/signal.html#signals-and-threads.
        """
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(0.5):
            pass
        return True
