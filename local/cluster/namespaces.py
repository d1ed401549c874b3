"""Adds to each new namespace its default ServiceAccount and the cluster's CA."""

import asyncio

from local.cluster.errors import ApiError
from local.cluster.storage import Change, Storage

INITIAL = ("default", "kube-node-lease", "kube-public", "kube-system")


def furnish(storage: Storage, authority: str) -> None:
    """Create the first namespaces, and furnish every namespace that is created later; `authority` is PEM."""
    loop = asyncio.get_running_loop()

    def changed(change: Change) -> None:
        if change.resource == "namespaces" and change.type == "ADDED":
            # In a later turn of the loop, because other listeners do not know the namespace yet.
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
        # The namespace is deleted already, or the object was created by somebody else.
        return
