"""When something goes wrong, and what: drawn from a seed, counted by kind, and only while there is trouble."""

import threading
from collections import Counter
from collections.abc import Mapping
from random import Random


class Trouble:
    """Troubles of one kind of calls; `share` of them fail while it is on, a fiftieth of that at other times."""

    def __init__(self, seed: str, share: float, happened: Counter[str]) -> None:
        """Begin with no trouble at all."""
        self._random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._share = share
        self._happened = happened
        self._lock = threading.Lock()
        self._level = 0.0

    def storm(self) -> None:
        """Let much go wrong."""
        self._level = self._share

    def calm(self) -> None:
        """Let little go wrong."""
        self._level = self._share / 50

    def end(self) -> None:
        """Let nothing go wrong any more."""
        self._level = 0.0

    def drawn(self, kinds: Mapping[str, int], name: str) -> str | None:
        """Draw a kind by its weight, mostly none; `name` says whose it is in the count."""
        with self._lock:
            if self._random.random() >= self._level:
                return None
            (kind,) = self._random.choices(list(kinds), list(kinds.values()))
            self._happened[f"{name}: {kind}"] += 1
            return kind
