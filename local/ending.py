"""What ends a process of the laptop: a signal, for which its main thread waits."""

import signal
import threading


class EndSignal(threading.Event):
    """Set by the first of some signals; made and waited for in the main thread."""

    def __init__(self, *numbers: signal.Signals) -> None:
        """Take these signals from here on."""
        super().__init__()
        for number in numbers:
            signal.signal(number, lambda *_: self.set())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a signal, or for so many seconds; tell whether one came.

        The system may hand a signal to any thread. Python runs the handler in the main thread, and does not wake that
        one while it waits without a time-out: https://docs.python.org/3/library/signal.html#signals-and-threads.
        """
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(0.5):
            pass
        return True
