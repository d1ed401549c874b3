"""Faults that a test chooses."""

from collections import Counter
from collections.abc import Mapping

from tests.soak.trouble import Trouble


class Scripted(Trouble):
    """Fails once, as `next` says."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__("script", 1.0, Counter())
        self.next: str | None = None

    def drawn(self, kinds: Mapping[str, int], name: str) -> str | None:
        """Return the chosen fault, if it can happen here."""
        del name
        kind, self.next = self.next, None
        assert kind is None or kind in kinds
        return kind
