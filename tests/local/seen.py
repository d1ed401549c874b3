"""What the worker in handlers/worker was given, by whichever copy of it."""

SEEN: list[str] = []
