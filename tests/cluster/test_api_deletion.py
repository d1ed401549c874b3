"""Which dependents are deleted with an object, and which stay."""

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.manifests import Object, config_map, refused

type Eventually = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def owned(core: client.CoreV1Api, namespace: str) -> str:
    """Return a namespace with a ConfigMap `owner` that owns another, `owned`."""
    owner = core.create_namespaced_config_map(namespace, config_map("owner"))
    core.create_namespaced_config_map(namespace, _of(owner, "owned"))
    return namespace


def _of(owner: Any, name: str) -> Object:
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "blockOwnerDeletion": True,
    }
    made = config_map(name)
    made["metadata"]["ownerReferences"] = [reference]
    return made


def _is_gone(core: client.CoreV1Api, namespace: str, name: str) -> bool:
    try:
        core.read_namespaced_config_map(name, namespace)
    except client.ApiException as error:
        return bool(error.status == 404)
    return False


@pytest.mark.parametrize("policy", ["Background", "Foreground", None])
def test_dependents_are_deleted_with_their_owner(
    core: client.CoreV1Api, owned: str, policy: str | None, eventually: Eventually
) -> None:
    core.delete_namespaced_config_map("owner", owned, propagation_policy=policy)
    eventually(lambda: _is_gone(core, owned, "owned") and _is_gone(core, owned, "owner"))


def test_dependents_can_be_orphaned(core: client.CoreV1Api, owned: str, eventually: Eventually) -> None:
    core.delete_namespaced_config_map("owner", owned, propagation_policy="Orphan")
    eventually(lambda: _is_gone(core, owned, "owner"))
    assert core.read_namespaced_config_map("owned", owned).metadata.owner_references is None


def test_an_object_created_for_a_deleted_owner_is_deleted_too(
    core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    owner = core.create_namespaced_config_map(namespace, config_map("owner"))
    core.delete_namespaced_config_map("owner", namespace)
    core.create_namespaced_config_map(namespace, _of(owner, "late"))
    eventually(lambda: _is_gone(core, namespace, "late"))


def test_a_finalizer_keeps_an_object_until_it_is_removed(core: client.CoreV1Api, namespace: str) -> None:
    kept = config_map("kept")
    kept["metadata"]["finalizers"] = ["example.com/wait"]
    core.create_namespaced_config_map(namespace, kept)
    core.delete_namespaced_config_map("kept", namespace)
    assert core.read_namespaced_config_map("kept", namespace).metadata.deletion_timestamp
    removal = [{"op": "remove", "path": "/metadata/finalizers"}]
    core.patch_namespaced_config_map("kept", namespace, removal)
    assert refused(lambda: core.read_namespaced_config_map("kept", namespace)).status == 404


def test_deleting_a_namespace_deletes_everything_in_it(core: client.CoreV1Api, eventually: Eventually) -> None:
    name = core.create_namespace({"metadata": {"generateName": "test-"}}).metadata.name
    core.create_namespaced_config_map(name, config_map("note"))
    going = core.delete_namespace(name)
    assert going.metadata.name == name if hasattr(going.metadata, "name") else going.status

    def gone() -> bool:
        try:
            core.read_namespace(name)
        except client.ApiException as error:
            return bool(error.status == 404)
        return False

    eventually(gone)
    assert refused(lambda: core.create_namespaced_config_map(name, config_map("note"))).status == 404


def test_a_new_namespace_gets_a_default_service_account_and_the_root_certificates(
    core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    eventually(
        lambda: [one.metadata.name for one in core.list_namespaced_service_account(namespace).items] == ["default"]
    )
    eventually(lambda: not _is_gone(core, namespace, "kube-root-ca.crt"))
