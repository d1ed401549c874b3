"""What a namespace finds in itself soon after it was made: its default ServiceAccount and the cluster's CA."""

import asyncio

from local.cluster.errors import ApiError
from local.cluster.storage import Change, Storage

INITIAL = ("default", "kube-node-lease", "kube-public", "kube-system")


def furnish(storage: Storage, authority: str) -> None:
    """Make the first namespaces, and from now on put into every new one what belongs there; `authority` is PEM."""
    loop = asyncio.get_running_loop()

    def changed(change: Change) -> None:
        if change.resource == "namespaces" and change.type == "ADDED":
            # Later, since whoever else listens has not heard of the namespace yet.
            loop.call_soon(_furnish_one, storage, change.stored.name, authority)

    storage.listen(changed)
    for name in INITIAL:
        if not storage.find("namespaces", None, name):
            storage.create("namespaces", {"metadata": {"name": name}})


def _furnish_one(storage: Storage, namespace: str, authority: str) -> None:
    bundle = {"metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": authority}}
    try:
        storage.create("serviceaccounts", {"metadata": {"name": "default", "namespace": namespace}})
        storage.create("configmaps", bundle)
    except ApiError:
        # The namespace has gone already, or somebody was faster; there is nothing left to do for us.
        return
