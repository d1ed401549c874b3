"""The calls of this service to a cluster: CronJobs, Jobs, Pods and their logs, as the API server's own JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import batched
from typing import Any, Final
from urllib.parse import quote

from jobs_api.cluster.connection import Connection, reading
from jobs_api.cluster.lists import METADATA, Lists, Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s.pod_template import CONTAINER
from jobs_api.k8s.stamped_log import STAMP_BYTES

# Events of one object: a repeated Event is one object, so more than these say nothing new.
EVENTS: Final = 50
CHUNK_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 16 * 1024
# UIDs in one selector: 50 make a URL of 2 KB; some proxies allow 8 KB.
OWNERS: Final = 50

BATCH: Final = "/apis/batch/v1"
CORE: Final = "/api/v1"
ISSUER: Final = "/.well-known/openid-configuration"
ISSUER_KEYS: Final = "/openid/v1/jwks"
MERGE_PATCH: Final = "application/merge-patch+json"
# https://kubernetes.io/docs/reference/labels-annotations-taints/#batchkubernetesio-controller-uid
CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"


class Cluster:
    """One cluster. Threads may share it.

    Every method raises ClusterUnavailable where the cluster does not answer or is not able to now, and ClusterRejected
    (or ObjectNotFound, AlreadyExists, Stale) where it refuses. Objects are dictionaries, as the API server writes them;
    objects in lists have no `kind` and `apiVersion`.
    """

    def __init__(self, connection: Connection) -> None:
        """Speak over a connection."""
        self._connection = connection
        self._lists = Lists(connection)

    def list_cronjobs(self, namespace: str, selector: str) -> Iterator[list[Object]]:
        """Yield the CronJobs that a label selector matches, page by page, each object once."""
        return self._lists.pages(_path(BATCH, namespace, "cronjobs"), selector)

    def list_cronjob_metadata(self, namespace: str, selector: str, *, cached: bool = False) -> Iterator[list[Object]]:
        """Yield only the `metadata` of the same; with `cached`, they may be old, see `Lists.pages`."""
        return self._lists.pages(_path(BATCH, namespace, "cronjobs"), selector, cached=cached, accept=METADATA)

    def list_jobs(self, namespace: str, selector: str, *, cached: bool = False) -> Iterator[list[Object]]:
        """Yield the Jobs that a label selector matches, page by page, each object once; `cached` as above."""
        return self._lists.pages(_path(BATCH, namespace, "jobs"), selector, cached=cached)

    def list_job_metadata(self, namespace: str, selector: str, *, cached: bool = False) -> Iterator[list[Object]]:
        """Yield only the `metadata` of the same."""
        return self._lists.pages(_path(BATCH, namespace, "jobs"), selector, cached=cached, accept=METADATA)

    def list_pods(self, namespace: str, selector: str) -> Iterator[list[Object]]:
        """Yield the Pods that a label selector matches, each once: those of a few Jobs, which fit into one answer.

        Never from a cache: with an ended Job and its Pod as it was before, the end of a run could not be read.
        """
        return self._lists.pages(_path(CORE, namespace, "pods"), selector, limit=0)

    def get_cronjob(self, namespace: str, name: str) -> Object:
        """Return a CronJob; raises ObjectNotFound."""
        return self._get(_path(BATCH, namespace, "cronjobs", name))

    def create_cronjob(self, cronjob: Object) -> Object:
        """Create a CronJob and return it as stored.

        Raises:
            AlreadyExists: its name is taken.
            ObjectNotFound: the namespace does not exist.
        """
        return self._create("cronjobs", cronjob)

    def replace_cronjob(self, cronjob: Object) -> Object:
        """Replace a CronJob, if `metadata.uid` and `metadata.resourceVersion` are still its own; return it.

        Raises:
            Stale: it has changed.
            ObjectNotFound: it is gone.
        """
        metadata = cronjob["metadata"]
        path = _path(BATCH, metadata["namespace"], "cronjobs", metadata["name"])
        replaced: Object = self._connection.write("PUT", path, cronjob)
        return replaced

    def replace_cronjob_status(self, cronjob: Object) -> Object:
        """Replace a CronJob's status alone, under the conditions of `replace_cronjob`; return it.

        `cronjob` must have the labels and annotations of the live one: the API server writes them too.
        """
        metadata = cronjob["metadata"]
        path = _path(BATCH, metadata["namespace"], "cronjobs", metadata["name"])
        replaced: Object = self._connection.write("PUT", f"{path}/status", cronjob)
        return replaced

    def delete_cronjob(self, namespace: str, name: str, uid: str, resource_version: str) -> None:
        """Delete a CronJob, if it still has this UID and version; its Jobs run to their end.

        Raises:
            Stale: it has changed.
            ObjectNotFound: it is gone.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Orphan",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        self._connection.write("DELETE", _path(BATCH, namespace, "cronjobs", name), options)

    def create_job(self, job: Object) -> Object:
        """Create a Job and return it as stored; raises AlreadyExists, and ObjectNotFound without its namespace."""
        return self._create("jobs", job)

    def get_job(self, namespace: str, name: str) -> Object:
        """Return a Job; raises ObjectNotFound."""
        return self._get(_path(BATCH, namespace, "jobs", name))

    def pod_of(self, job: Object) -> Object | None:
        """Return the newest Pod of exactly this Job, None where it has none (yet, or any more)."""
        metadata = job["metadata"]
        pages = self.list_pods(metadata["namespace"], f"{CONTROLLER_UID}={metadata['uid']}")
        pods = [pod for page in pages for pod in page]
        # RFC 3339 in UTC: the texts sort as the times do.
        return max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)

    def newest_pod_name(self, namespace: str, job_uid: str) -> str | None:
        """Return the name of a Job's newest Pod, None where it has none; waits at most 6 seconds for the answer."""
        query = {"labelSelector": f"{CONTROLLER_UID}={job_uid}"}
        answer = self._connection.send("GET", _path(CORE, namespace, "pods"), query, accept=METADATA, brief=True)
        pods = [pod["metadata"] for pod in json.loads(answer.data)["items"] or []]
        newest = max(pods, key=lambda metadata: metadata["creationTimestamp"], default=None)
        return newest and str(newest["name"])

    def pods_of(self, namespace: str, uids: Iterable[str]) -> dict[str, Object]:
        """Return the newest Pod of each Job that has one, by the Jobs' UIDs. One list call for 50 Jobs."""
        found: dict[str, Object] = {}
        for some in batched(uids, OWNERS, strict=False):
            for page in self.list_pods(namespace, f"{CONTROLLER_UID} in ({','.join(some)})"):
                for pod in page:
                    uid, created_at = (pod["metadata"]["labels"][CONTROLLER_UID], pod["metadata"]["creationTimestamp"])
                    if uid not in found or created_at > found[uid]["metadata"]["creationTimestamp"]:
                        found[uid] = pod
        return found

    def pod_named(self, namespace: str, name: str) -> Object | None:
        """Return a Pod by its name, None where there is none. A list, as this service may list Pods and not get one."""
        page = self._connection.get(_path(CORE, namespace, "pods"), {"fieldSelector": f"metadata.name={name}"})
        found: list[Object] = page["items"] or []
        return found[0] if found else None

    def issuer(self) -> str:
        """Return who issues the tokens of the cluster's service accounts: the `iss` in them."""
        found = self._get(ISSUER).get("issuer")
        if not isinstance(found, str) or not found:
            raise ClusterUnavailable("The cluster of this organization does not say who issues its tokens")
        return found

    def issuer_keys(self) -> list[Object]:
        """Return the issuer's public keys, as JSON Web Keys."""
        found = self._get(ISSUER_KEYS).get("keys")
        return found if isinstance(found, list) else []

    def get_config_map(self, namespace: str, name: str) -> Object:
        """Return a ConfigMap; raises ObjectNotFound."""
        return self._get(_path(CORE, namespace, "configmaps", name))

    def create_config_map(self, config_map: Object) -> Object:
        """Create a ConfigMap and return it as stored; raises AlreadyExists."""
        path = _path(CORE, config_map["metadata"]["namespace"], "configmaps")
        created: Object = self._connection.write("POST", path, config_map)
        return created

    def replace_config_map(self, config_map: Object) -> Object:
        """Replace a ConfigMap, if `metadata.resourceVersion` is still its own; raises Stale, ObjectNotFound."""
        metadata = config_map["metadata"]
        path = _path(CORE, metadata["namespace"], "configmaps", metadata["name"])
        replaced: Object = self._connection.write("PUT", path, config_map)
        return replaced

    def replace_job(self, job: Object) -> Object:
        """Replace a Job, if `metadata.uid` and `metadata.resourceVersion` are still its own; return it.

        Raises:
            Stale: it has changed.
            ObjectNotFound: it is gone.
        """
        metadata = job["metadata"]
        replaced: Object = self._connection.write(
            "PUT", _path(BATCH, metadata["namespace"], "jobs", metadata["name"]), job
        )
        return replaced

    def patch_pod(self, namespace: str, name: str, change: Object) -> None:
        """Change what a merge patch says of a Pod, if it is still the one that `metadata.uid` in it says.

        Raises:
            Stale: another Pod has the name.
            ObjectNotFound: it is gone.
        """
        path = _path(CORE, namespace, "pods", name)
        self._connection.send("PATCH", path, body=json.dumps(change).encode(), content=MERGE_PATCH)

    def warnings_of(self, namespace: str, uid: str) -> list[Object]:
        """Return the warnings about an object, by its UID; some of them, where there are dozens. One call."""
        selector = f"involvedObject.uid={uid},type=Warning"
        page = self._connection.get(_path(CORE, namespace, "events"), {"fieldSelector": selector, "limit": EVENTS})
        found: list[Object] = page["items"] or []
        return found

    def try_pod(self, pod: Object) -> None:
        """Ask the cluster whether it would accept a Pod now, limits and quotas included; no Pod is created.

        Raises:
            ClusterRejected: it would not, in its own words; or this service may not ask.
        """
        path = _path(CORE, pod["metadata"]["namespace"], "pods")
        self._connection.send("POST", path, {"dryRun": "All"}, json.dumps(pod).encode())

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

    def stream_log(
        self, namespace: str, pod: str, *, container: str = CONTAINER, tail: int | None = None
    ) -> Iterator[bytes]:
        """Yield everything that can be read of a Pod's container's log, or its last `tail` lines, in chunks.

        Raises as `read_log`, at the first chunk.
        """
        wanted = {"container": container, "tailLines": tail}
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
        path = _path(CORE, namespace, "pods", pod) + "/log"
        response = self._connection.send("GET", path, query, whole=False, brief=brief)
        # A caller that stops early leaves an answer unread; such a connection cannot be used again and is closed.
        with closing(response):
            chunks = response.stream(CHUNK_BYTES)
            while chunk := reading(lambda: next(chunks, b"")):
                yield chunk

    def _log(self, namespace: str, pod: str, query: Mapping[str, Any]) -> bytes:
        return self._connection.send("GET", _path(CORE, namespace, "pods", pod) + "/log", query).data

    def _get(self, path: str) -> Object:
        found: Object = self._connection.get(path)
        return found

    def _create(self, resource: str, manifest: Object) -> Object:
        created: Object = self._connection.write(
            "POST", _path(BATCH, manifest["metadata"]["namespace"], resource), manifest
        )
        return created


def _path(api: str, namespace: str, resource: str, name: str | None = None) -> str:
    path = f"{api}/namespaces/{quote(namespace, safe='')}/{resource}"
    return path if name is None else f"{path}/{quote(name, safe='')}"
