"""The recent changes, from which a watch can start, and the listeners that get each new one."""

from collections import deque
from collections.abc import Callable, Iterable

from local.cluster.versions import Change

# How many changes the history has; a watch can start that far back. A pod has about ten changes, and each holds one or
# two objects.
_HISTORY = 1_000

COME_AND_STAY = frozenset({"events", "jobs", "pods"})


class ChangeHistory:
    """The history, in the order of versions."""

    def __init__(self) -> None:
        """Begin without changes."""
        self.changes: deque[Change] = deque(maxlen=_HISTORY)
        # The history begins after this version.
        self.compacted = 0
        self._untold: deque[Change] = deque()
        self._telling = False
        self._written: list[Change] = []
        self._quiet: list[Change] = []
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with every change from now on, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def add(self, changes: Iterable[Change]) -> None:
        """Take changes that are written, for `tell`."""
        self._untold.extend(changes)

    def tell(self) -> None:
        """Send every change to all listeners in the order of versions, even if a listener makes changes itself."""
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                self._tell_one(self._untold.popleft())
        finally:
            self._telling = False

    def _tell_one(self, change: Change) -> None:
        if len(self.changes) == self.changes.maxlen:
            self.compacted = self.changes[0].stored.version
        self.changes.append(change)
        if change.resource in COME_AND_STAY:
            self._written.append(change)
        for listener in list(self._listeners):
            listener(change)

    def rest(self) -> None:
        """Reduce the memory of objects that were written before the last call: most Jobs, Pods and Events are old.

        A Job and its Pod stay until their time to live is over, which may be a day; an Event stays for an hour.
        """
        quiet, self._quiet, self._written = self._quiet, self._written, []
        for change in quiet:
            change.stored.rest()
            if change.previous:
                change.previous.rest()
