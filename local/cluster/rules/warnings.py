"""What a client is warned of, though the object is stored."""

from local.cluster.kinds import Kind
from local.cluster.storage import Object


def warnings_of(kind: Kind, obj: Object) -> list[str]:
    """List the warnings for an object that was just written."""
    return []
