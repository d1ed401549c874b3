"""Draws faults from a seed and counts them by kind."""

import threading
from collections import Counter
from collections.abc import Mapping
from random import Random


class Trouble:
    """Faults of one kind of calls; `share` of the calls fail during a storm, and a fiftieth of that at other times."""

    def __init__(self, seed: str, share: float, happened: Counter[str]) -> None:
        """Begin without faults."""
        self._random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._share = share
        self._happened = happened
        self._lock = threading.Lock()
        self._level = 0.0

    def storm(self) -> None:
        """Inject many faults."""
        self._level = self._share

    def calm(self) -> None:
        """Inject few faults."""
        self._level = self._share / 50

    def end(self) -> None:
        """Inject no more faults."""
        self._level = 0.0

    def drawn(self, kinds: Mapping[str, int], name: str) -> str | None:
        """Draw a kind by its weight, mostly none; `name` is the call's name in the counts."""
        with self._lock:
            if self._random.random() >= self._level:
                return None
            (kind,) = self._random.choices(list(kinds), list(kinds.values()))
            self._happened[f"{name}: {kind}"] += 1
            return kind
