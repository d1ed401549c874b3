"""The calls of this service about Pods, and about the warnings that the cluster has for any object."""

import json
from collections.abc import Iterable, Iterator
from itertools import batched, chain
from typing import Final

from jobs_api.cluster.calls import CORE, Calls, path_of
from jobs_api.cluster.lists import METADATA, Object

# Events of one object: a repeated Event is one object, so more than these say nothing new.
EVENTS: Final = 50
# UIDs in one selector: 50 make a URL of 2 KB; some proxies allow 8 KB.
OWNERS: Final = 50
MERGE_PATCH: Final = "application/merge-patch+json"
# https://kubernetes.io/docs/reference/labels-annotations-taints/#batchkubernetesio-controller-uid
CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"


class PodCalls(Calls):
    """The calls of this service about Pods, and about the warnings that the cluster has for any object."""

    def list_pods(self, namespace: str, selector: str) -> Iterator[list[Object]]:
        """Yield the Pods that a label selector matches, each once: those of a few Jobs, which fit into one answer.

        Never from a cache: with an ended Job and its Pod as it was before, the end of a run could not be read.
        """
        return self._lists.pages(path_of(CORE, namespace, "pods"), selector, limit=0)

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
        page = self._connection.get(path_of(CORE, namespace, "pods"), query, accept=METADATA, brief=True)
        pods = [pod["metadata"] for pod in page["items"] or []]
        newest = max(pods, key=lambda metadata: metadata["creationTimestamp"], default=None)
        return newest and str(newest["name"])

    def pods_of(self, namespace: str, uids: Iterable[str]) -> dict[str, Object]:
        """Return the newest Pod of each Job that has one, by the Jobs' UIDs. One list call for 50 Jobs."""
        found: dict[str, Object] = {}
        for some in batched(uids, OWNERS, strict=False):
            pages = self.list_pods(namespace, f"{CONTROLLER_UID} in ({','.join(some)})")
            for pod in chain.from_iterable(pages):
                uid, created_at = pod["metadata"]["labels"][CONTROLLER_UID], pod["metadata"]["creationTimestamp"]
                if uid not in found or created_at > found[uid]["metadata"]["creationTimestamp"]:
                    found[uid] = pod
        return found

    def pod_named(self, namespace: str, name: str) -> Object | None:
        """Return a Pod by its name, None where there is none. A list, as this service may list Pods and not get one."""
        page = self._connection.get(path_of(CORE, namespace, "pods"), {"fieldSelector": f"metadata.name={name}"})
        found: list[Object] = page["items"] or []
        return found[0] if found else None

    def patch_pod(self, namespace: str, name: str, change: Object) -> None:
        """Change what a merge patch says of a Pod, if it is still the one that `metadata.uid` in it says.

        Raises:
            Stale: another Pod has the name.
            ObjectNotFound: it is gone.
        """
        path = path_of(CORE, namespace, "pods", name)
        self._connection.send("PATCH", path, body=json.dumps(change).encode(), content=MERGE_PATCH)

    def try_pod(self, pod: Object) -> None:
        """Ask the cluster whether it would accept a Pod now, limits and quotas included; no Pod is created.

        Raises:
            ClusterRejected: it would not, in its own words; or this service may not ask.
        """
        path = path_of(CORE, pod["metadata"]["namespace"], "pods")
        self._connection.send("POST", path, {"dryRun": "All"}, json.dumps(pod).encode())

    def warnings_of(self, namespace: str, uid: str) -> list[Object]:
        """Return the warnings about an object, by its UID; some of them, where there are dozens. One call."""
        selector = f"involvedObject.uid={uid},type=Warning"
        page = self._connection.get(path_of(CORE, namespace, "events"), {"fieldSelector": selector, "limit": EVENTS})
        found: list[Object] = page["items"] or []
        return found
