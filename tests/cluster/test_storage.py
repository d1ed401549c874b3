"""The storage by itself: versions, copies, owners and grace, without a network in between."""

import tracemalloc
from datetime import UTC, datetime

import pytest

from local.cluster.clock import TestClock
from local.cluster.errors import AlreadyExists, Conflict, Forbidden, NotFound
from local.cluster.storage import Object, Preconditions, Storage

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> TestClock:
    return TestClock(NOON)


@pytest.fixture
def storage(clock: TestClock) -> Storage:
    storage = Storage(clock)
    storage.create("namespaces", {"metadata": {"name": "default"}})
    return storage


def named(name: str, **more: object) -> Object:
    return {"metadata": {"name": name, "namespace": "default", **more}, "spec": {}}


def running_pod(storage: Storage, name: str = "busy", **more: object) -> Object:
    pod = storage.create("pods", {**named(name, **more), "spec": {"nodeName": "here"}})
    return storage.replace_status("pods", {**pod, "status": {"phase": "Running"}})


def test_it_works(storage: Storage) -> None:
    made = storage.create("jobs", named("once"))
    assert made["metadata"]["creationTimestamp"] == "2026-01-15T12:00:00Z"
    assert storage.get("jobs", "default", "once") == made
    assert storage.list("jobs") == [made]
    storage.delete("jobs", "default", "once")
    with pytest.raises(NotFound):
        storage.get("jobs", "default", "once")


def test_stored_and_returned_objects_are_copies(storage: Storage) -> None:
    given = named("once")
    made = storage.create("jobs", given)
    given["spec"]["changed"] = made["spec"]["changed"] = storage.get("jobs", "default", "once")["spec"]["changed"] = (
        True
    )
    assert storage.get("jobs", "default", "once")["spec"] == {}


def test_every_write_has_a_version_of_its_own(storage: Storage) -> None:
    first = storage.create("jobs", named("once"))
    second = storage.replace("jobs", {**first, "spec": {"suspend": True}})
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    with pytest.raises(Conflict):
        storage.replace("jobs", {**first, "spec": {"suspend": False}})
    with pytest.raises(AlreadyExists):
        storage.create("jobs", named("once"))


def test_a_deleted_running_pod_has_its_grace_period(storage: Storage, clock: TestClock) -> None:
    running_pod(storage)
    going = storage.delete("pods", "default", "busy")
    assert going["metadata"]["deletionTimestamp"] == "2026-01-15T12:00:30Z"
    clock.advance(5)
    sooner = storage.delete("pods", "default", "busy", grace_seconds=2)
    assert sooner["metadata"]["deletionTimestamp"] == "2026-01-15T12:00:07Z"
    storage.delete("pods", "default", "busy", grace_seconds=0)
    assert storage.list("pods") == []


def test_a_pod_without_a_node_is_deleted_at_once(storage: Storage) -> None:
    storage.create("pods", named("idle"))
    storage.delete("pods", "default", "idle")
    assert storage.list("pods") == []


def test_deleting_a_job_keeps_its_pods_without_a_propagation_policy(storage: Storage) -> None:
    for name, propagation in (("kept", None), ("swept", "Background")):
        job = storage.create("jobs", named(name))
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
        storage.create("pods", named(f"{name}-pod", ownerReferences=[owner]))
        storage.delete("jobs", "default", name, propagation)  # type: ignore[arg-type]  # a Propagation, if mypy could see
    assert [pod["metadata"]["name"] for pod in storage.list("pods")] == ["kept-pod"]


def test_an_owner_in_the_foreground_waits_for_what_it_owns(storage: Storage) -> None:
    job = storage.create("jobs", named("once"))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "once", "uid": job["metadata"]["uid"]}
    running_pod(storage, ownerReferences=[owner])
    waiting = storage.delete("jobs", "default", "once", "Foreground")
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    storage.delete("pods", "default", "busy", grace_seconds=0)
    assert storage.list("jobs") == []


def test_a_namespace_waits_for_its_pods_and_takes_nothing_new(storage: Storage) -> None:
    storage.create("namespaces", {"metadata": {"name": "team"}})
    pod = storage.create("pods", {"metadata": {"name": "busy", "namespace": "team"}, "spec": {"nodeName": "here"}})
    storage.replace_status("pods", {**pod, "status": {"phase": "Running"}})
    assert storage.delete("namespaces", None, "team")["status"]["phase"] == "Terminating"
    with pytest.raises(Forbidden):
        storage.create("jobs", {"metadata": {"name": "late", "namespace": "team"}})
    storage.delete("pods", "team", "busy", grace_seconds=0)
    assert storage.find("namespaces", None, "team") is None


def test_a_deletion_for_another_object_of_the_name_is_a_conflict(storage: Storage) -> None:
    storage.create("jobs", named("once"))
    with pytest.raises(Conflict):
        storage.delete("jobs", "default", "once", preconditions=Preconditions(uid="another"))


def test_subscribers_get_every_write_in_order(storage: Storage) -> None:
    heard = storage.subscribe()
    made = storage.create("jobs", named("once"))
    storage.replace_status("jobs", {**made, "status": {"active": 1}})
    storage.delete("jobs", "default", "once")
    events = [heard.get_nowait() for _ in range(heard.qsize())]
    assert [(event.type, event.resource) for event in events] == [
        ("ADDED", "jobs"),
        ("MODIFIED", "jobs"),
        ("DELETED", "jobs"),
    ]
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


def test_an_object_that_was_compressed_reads_as_before(storage: Storage) -> None:
    storage.create("jobs", named("once", labels={"team": "data"}, annotations={"note": "ü\U0001f600"}))
    before = storage.find("jobs", "default", "once")
    assert before
    told = (before.object, before.labels, before.item, before.body, before.name, before.namespace, before.version)
    storage.rest()
    assert before.object is before.object
    storage.rest()
    after = (before.object, before.labels, before.item, before.body, before.name, before.namespace, before.version)
    assert after == told
    assert before.object is not before.object

    storage.replace("jobs", {**storage.get("jobs", "default", "once"), "spec": {"suspend": True}})
    storage.delete("jobs", "default", "once")


def test_an_old_object_takes_little_more_memory_than_its_json(storage: Storage) -> None:
    """A laptop that runs a job every minute has 1,400 ended Jobs and Pods after a day, and keeps each for that long."""
    spec = {f"field{index}": {"name": f"name-{index}", "value": {"from": [index]}} for index in range(40)}
    tracemalloc.start()
    for index in range(1_500):
        storage.create("pods", {**named(f"pod-{index}", labels={"job": "one"}), "spec": spec})
        if index % 10 == 0:
            storage.rest()
    storage.rest()
    storage.rest()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = sum(len(stored.body) for stored in storage.view("pods"))
    assert kept < 2 * size, f"{kept / size:.1f} times its JSON"
