"""The name of a file of a Pod's log: the Pod's name, a blank, and the time of the file's first line.

A kubelet begins another file when one is large, and a Pod that replaces another one has files of its own. So the name
says of which text an offset counts the bytes.
"""


def log_name(pod_name: str, begins: str) -> str:
    """Return the name of a file; `begins` is the time of its first line, "" where there is no line yet."""
    return f"{pod_name} {begins}"


def pod_name_of(log: str) -> str:
    """Return the name of the Pod whose file this is, "" for an empty name."""
    return log.partition(" ")[0]


def begins_at(log: str) -> str:
    """Return the time of the first line of a file, "" where it has none; later times are greater texts."""
    return log.partition(" ")[2]


def has_begun(log: str | None) -> bool:
    """Return whether a name has the time of a first line."""
    return bool(log and begins_at(log))


def is_older(log: str, other: str) -> bool:
    """Return whether a file of a Pod was begun before another one of the same Pod."""
    return pod_name_of(log) == pod_name_of(other) and begins_at(log) < begins_at(other)
