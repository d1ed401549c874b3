"""Causes faults: stops the node, lets many calls fail, and changes the cluster by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from jobs_api.cluster import Cluster
from jobs_api.k8s import labels
from jobs_api.pulse import queue
from tests.soak.cluster_proxy import ClusterProxy
from tests.soak.ledger import Ledger
from tests.soak.node import Node
from tests.soak.trouble import Trouble

BATCH = "/apis/batch/v1"


class Saboteur:
    """Causes every kind of fault in random order before it repeats one."""

    def __init__(
        self,
        seed: int,
        ledger: Ledger,
        node: Node,
        proxy: ClusterProxy,
        aws: Trouble,
        cluster: Cluster,
        places: list[str],
    ) -> None:
        """Use the cluster directly, without the proxy, and these organizations."""
        self._random = Random(f"{seed}/saboteur")  # noqa: S311 - to be repeated, not to be secret
        self._ledger = ledger
        self._node = node
        self._proxy = proxy
        self._aws = aws
        self._cluster = cluster
        self._places = places
        self._pack: list[Callable[[], None]] = []

    def act(self) -> float:
        """Cause the next fault; return how many seconds to pause."""
        if not self._pack:
            self._pack = [
                *(self._kill, self._power_cycle, self._refuse, self._freeze, self._api_storm, self._aws_storm),
                *(self._storm, self._lose_a_pod, self._lose_a_job, self._suspend, self._rewrite, self._remove),
                *(self._repeat, self._repeat, self._lose_a_pod),
            ]
            self._random.shuffle(self._pack)
        self._pack.pop()()
        return self._random.uniform(3, 9)

    def end(self) -> None:
        """End all faults."""
        self._aws.end()
        self._proxy.trouble.end()

    # -- the node

    def _kill(self) -> None:
        self._proxy.close()
        self._node.kill()
        self._ledger.halted.wait(self._random.uniform(0, 20))
        self._node.start()
        self._proxy.open()
        self._ledger.happened["cluster killed and started again"] += 1

    def _power_cycle(self) -> None:
        """Stop it properly; meanwhile the proxy takes requests and has no answer."""
        self._node.stop()
        self._ledger.halted.wait(self._random.uniform(0, 5))
        self._node.start()
        self._ledger.happened["cluster stopped and started again"] += 1

    def _refuse(self) -> None:
        self._proxy.close()
        self._ledger.halted.wait(self._random.uniform(3, 25))
        self._proxy.open()
        self._ledger.happened["cluster: connections refused for a while"] += 1

    def _freeze(self) -> None:
        self._node.freeze()
        self._ledger.halted.wait(self._random.uniform(2, 14))
        self._node.thaw()
        self._ledger.happened["cluster: frozen for a while"] += 1

    # -- calls

    def _api_storm(self) -> None:
        self._during(self._proxy.trouble)

    def _aws_storm(self) -> None:
        self._during(self._aws)

    def _storm(self) -> None:
        self._during(self._aws, self._proxy.trouble)

    def _during(self, *troubles: Trouble) -> None:
        for one in troubles:
            one.storm()
        self._ledger.halted.wait(self._random.uniform(5, 12))
        for one in troubles:
            one.calm()

    def _repeat(self) -> None:
        """Send the same events again, several at once."""
        queue.ask_for_all(self._places * self._random.randint(1, 3), datetime.now(UTC))
        self._ledger.happened["events twice or out of turn"] += 1

    # -- changes by hand in the cluster

    def _lose_a_pod(self) -> None:
        self._delete("/api/v1", "pods")

    def _lose_a_job(self) -> None:
        self._delete(BATCH, "jobs")

    def _remove(self) -> None:
        self._delete(BATCH, "cronjobs")

    def _suspend(self) -> None:
        self._edit("CronJob suspended by hand", {"suspend": True})

    def _rewrite(self) -> None:
        self._edit("CronJob edited by hand", {"schedule": "0 0 1 1 *", "concurrencyPolicy": "Allow"})

    def _delete(self, api: str, resource: str) -> None:
        place = self._random.choice(self._places)
        one = self._one(place, api, resource)
        if one is None:
            return
        name = one["metadata"]["name"]
        if resource == "pods":
            name = one["metadata"]["labels"]["batch.kubernetes.io/job-name"]
        self._ledger.by_hand.add(name)
        path = f"{api}/namespaces/{place}/{resource}/{one['metadata']['name']}"
        self._cluster._connection.write("DELETE", path, {"propagationPolicy": "Background"})
        self._ledger.happened[f"{resource.removesuffix('s')} deleted by hand"] += 1

    def _edit(self, edit: str, spec: dict[str, Any]) -> None:
        place = self._random.choice(self._places)
        one = self._one(place, BATCH, "cronjobs")
        if one is None:
            return
        one = {**one, "apiVersion": "batch/v1", "kind": "CronJob", "spec": {**one["spec"], **spec}}
        self._cluster.replace_cronjob(one)
        self._ledger.happened[edit] += 1

    def _one(self, place: str, api: str, resource: str) -> Any:
        """Choose an object of ours, the younger ones first."""
        query = {"labelSelector": labels.selector()}
        found = self._cluster._connection.get(f"{api}/namespaces/{place}/{resource}", query)["items"]
        young = sorted(found, key=lambda one: one["metadata"]["creationTimestamp"])[-20:]
        return self._random.choice(young) if young else None
