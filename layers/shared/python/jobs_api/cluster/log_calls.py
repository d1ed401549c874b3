"""The calls of this service that read the logs of Pods."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from jobs_api.cluster.calls import CORE, Calls, path_of
from jobs_api.cluster.connection import reading
from jobs_api.k8s.pod_template import CONTAINER
from jobs_api.k8s.stamped_log import STAMP_BYTES

CHUNK_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 16 * 1024


class LogCalls(Calls):
    """The calls of this service that read the logs of Pods."""

    def read_log(self, namespace: str, pod: str, *, container: str = CONTAINER, tail: int) -> str:
        """Return the last `tail` lines that a container wrote, at most some 16 KiB of them.

        Raises:
            ObjectNotFound: the Pod is gone.
            ClusterRejected: with status 400 while its container has not started.
        """
        query = {"container": container, "tailLines": tail, "limitBytes": TAIL_BYTES}
        return self._log(namespace, pod, query).decode("utf-8", "replace")

    def log_begins(self, namespace: str, pod: str) -> str:
        """Return the time of the first readable line of a Pod's command, as the kubelet wrote it; "" without one.

        A kubelet serves only its current file, and starts another when one has grown to 10 MiB. So where the time
        changes, the beginning of the log is lost. Raises as `read_log`.
        """
        query = {"container": CONTAINER, "timestamps": "true", "limitBytes": STAMP_BYTES}
        stamp, space, _ = self._log(namespace, pod, query).partition(b" ")
        return stamp.decode("ascii", "replace") if space and stamp[:4].isdigit() else ""

    def stream_log(self, namespace: str, pod: str, *, tail: int | None = None) -> Iterator[bytes]:
        """Yield everything that can be read of the log of a Pod's command, or its last `tail` lines, in chunks.

        Raises as `read_log`, at the first chunk.
        """
        wanted = {"container": CONTAINER, "tailLines": tail}
        query = {name: value for name, value in wanted.items() if value is not None}
        yield from self._stream(namespace, pod, query)

    def stamped_log(
        self,
        namespace: str,
        pod: str,
        *,
        since: str | None = None,
        limit_bytes: int | None = None,
        follow: bool = False,
    ) -> Iterator[bytes]:
        """Yield the log of a Pod's command with each line's time: the lines not before `since`, a whole second.

        With `follow` it does not end before the command, and has each file that the kubelet begins meanwhile.
        Raises as `read_log`, at the first chunk, and waits at most 6 seconds for the next one.
        """
        wanted = {
            "container": CONTAINER,
            "timestamps": "true",
            "sinceTime": since,
            "limitBytes": limit_bytes,
            "follow": "true" if follow else None,
        }
        query = {name: value for name, value in wanted.items() if value is not None}
        return self._stream(namespace, pod, query, brief=True)

    def _stream(self, namespace: str, pod: str, query: Mapping[str, Any], *, brief: bool = False) -> Iterator[bytes]:
        path = path_of(CORE, namespace, "pods", pod) + "/log"
        response = self._connection.send("GET", path, query, whole=False, brief=brief)
        # A caller that stops early leaves an answer unread; such a connection cannot be used again and is closed.
        with closing(response):
            chunks = response.stream(CHUNK_BYTES)
            while chunk := reading(lambda: next(chunks, b"")):
                yield chunk

    def _log(self, namespace: str, pod: str, query: Mapping[str, Any]) -> bytes:
        return self._connection.send("GET", path_of(CORE, namespace, "pods", pod) + "/log", query).data
