"""The base of all calls to a cluster: the connection, the lists, and the paths of objects."""

from typing import Final
from urllib.parse import quote

from jobs_api.cluster.connection import Connection
from jobs_api.cluster.lists import Lists, Object

BATCH: Final = "/apis/batch/v1"
CORE: Final = "/api/v1"


class Calls:
    """The calls over one connection."""

    def __init__(self, connection: Connection) -> None:
        """Speak over a connection."""
        self._connection = connection
        self._lists = Lists(connection)

    def _get(self, path: str) -> Object:
        return self._connection.get(path)

    def _create(self, api: str, resource: str, manifest: Object) -> Object:
        return self._connection.write("POST", path_of(api, manifest["metadata"]["namespace"], resource), manifest)

    def _replace(self, api: str, resource: str, manifest: Object, part: str = "") -> Object:
        """Replace an object, or a part of it such as `/status`."""
        metadata = manifest["metadata"]
        path = path_of(api, metadata["namespace"], resource, metadata["name"])
        return self._connection.write("PUT", path + part, manifest)


def path_of(api: str, namespace: str, resource: str, name: str | None = None) -> str:
    """Return the path of a resource in a namespace, or of one object of it."""
    path = f"{api}/namespaces/{quote(namespace, safe='')}/{resource}"
    return path if name is None else f"{path}/{quote(name, safe='')}"
