"""The events of all copies of the worker in handlers/worker."""

SEEN: list[str] = []
