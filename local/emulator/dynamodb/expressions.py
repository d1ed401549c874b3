"""Parsed expressions, each text once: conditions, updates and projections."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from local.emulator.dynamodb.parser import Node, Parser, Path, Update
from local.emulator.errors import invalid

type Names = tuple[tuple[str, str], ...]


def named(names: Mapping[str, str] | None) -> Names:
    """Return a request's attribute names in a hashable form, for use as a cache key."""
    return tuple(names.items()) if names else ()


@lru_cache(maxsize=2000)
def condition(kind: str, text: str, names: Names) -> Node:
    """Read a condition, a filter or a key condition; `kind` is its name in the request."""
    return _parsed(Parser(kind, text, dict(names)).condition, kind)


@lru_cache(maxsize=2000)
def update(text: str, names: Names) -> Update:
    """Read an update."""
    return _parsed(Parser("UpdateExpression", text, dict(names)).update, "UpdateExpression")


@lru_cache(maxsize=500)
def projection(text: str, names: Names) -> tuple[Path, ...]:
    """Read the paths of a projection."""
    return _parsed(Parser("ProjectionExpression", text, dict(names)).paths, "ProjectionExpression")


def _parsed[T](parse: Callable[[], T], kind: str) -> T:
    try:
        return parse()
    except RecursionError:
        raise invalid(f"Invalid {kind}: The expression is nested too deeply") from None
