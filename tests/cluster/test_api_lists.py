"""Lists: selected, in pages, as tables, and watched."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes import client, watch

from local.cluster import EmbeddedCluster
from local.cluster.api.ages import human_duration
from tests.cluster.manifests import config_map, cron_job, refused

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@pytest.fixture
def fruit(core: client.CoreV1Api, namespace: str) -> str:
    """Return a namespace with five ConfigMaps."""
    for name, labels in {
        "apple": {"colour": "red", "stone": "no"},
        "cherry": {"colour": "red", "stone": "yes"},
        "lemon": {"colour": "yellow"},
        "plum": {"colour": "blue", "stone": "yes"},
        "quince": {},
    }.items():
        core.create_namespaced_config_map(namespace, config_map(name, {**labels, "fruit": "yes"}))
    return namespace


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("colour=red", "apple cherry"),
        ("colour==red,stone=yes", "cherry"),
        ("colour!=red", "lemon plum quince"),
        ("colour in (blue, yellow)", "lemon plum"),
        ("colour notin (red,blue)", "lemon quince"),
        ("stone", "apple cherry plum"),
        ("!stone", "lemon quince"),
        ("stone,colour notin (red)", "plum"),
        ("", "apple cherry lemon plum quince"),
    ],
)
def test_a_label_selector_selects(core: client.CoreV1Api, fruit: str, selector: str, expected: str) -> None:
    wanted = f"{selector},fruit" if selector else "fruit=yes"
    found = core.list_namespaced_config_map(fruit, label_selector=wanted)
    assert [item.metadata.name for item in found.items] == expected.split()


@pytest.mark.parametrize("selector", ["a=b=c", "in (a)", "a in b", "a,", "=b", "a in (b", "a b"])
def test_a_selector_that_cannot_be_read(core: client.CoreV1Api, namespace: str, selector: str) -> None:
    assert refused(lambda: core.list_namespaced_config_map(namespace, label_selector=selector)).status == 400


def test_a_field_selector_selects(core: client.CoreV1Api, fruit: str) -> None:
    plum = core.list_namespaced_config_map(fruit, field_selector="metadata.name=plum")
    assert [item.metadata.name for item in plum.items] == ["plum"]
    rest = core.list_namespaced_config_map(fruit, field_selector="metadata.name!=plum", label_selector="fruit")
    assert len(rest.items) == 4
    everywhere = core.list_config_map_for_all_namespaces(
        field_selector=f"metadata.namespace={fruit},metadata.name==plum"
    )
    assert len(everywhere.items) == 1


def test_a_selector_of_an_unsupported_field_is_refused(batch: client.BatchV1Api, namespace: str) -> None:
    error = refused(lambda: batch.list_namespaced_cron_job(namespace, field_selector="spec.suspend=true"))
    assert error.status == 400
    assert '"spec.suspend" is not a known field selector' in json.loads(error.body)["message"]


def test_the_pages_of_a_list_show_one_moment(core: client.CoreV1Api, fruit: str) -> None:
    first = core.list_namespaced_config_map(fruit, limit=2, field_selector="metadata.name!=kube-root-ca.crt")
    assert len(first.items) == 2
    assert first.metadata.remaining_item_count is None  # a selector's remainder is not counted
    core.create_namespaced_config_map(fruit, config_map("zzz"))
    names = [item.metadata.name for item in first.items]
    token = first.metadata._continue
    while token:
        page = core.list_namespaced_config_map(
            fruit, limit=2, _continue=token, field_selector="metadata.name!=kube-root-ca.crt"
        )
        names += [item.metadata.name for item in page.items]
        assert page.metadata.resource_version == first.metadata.resource_version
        token = page.metadata._continue
    assert names == ["apple", "cherry", "lemon", "plum", "quince"]


def test_a_page_counts_what_remains(batch: client.BatchV1Api, namespace: str) -> None:
    for number in range(5):
        batch.create_namespaced_cron_job(namespace, cron_job(f"job-{number}"))
    first = batch.list_namespaced_cron_job(namespace, limit=2)
    assert first.metadata.remaining_item_count == 3
    second = batch.list_namespaced_cron_job(namespace, limit=2, _continue=first.metadata._continue)
    assert second.metadata.remaining_item_count == 1
    last = batch.list_namespaced_cron_job(namespace, limit=2, _continue=second.metadata._continue)
    assert last.metadata._continue is None
    assert last.metadata.remaining_item_count is None


def test_a_token_that_is_too_old_has_expired_and_offers_another(batch: client.BatchV1Api, namespace: str) -> None:
    for number in range(3):
        batch.create_namespaced_cron_job(namespace, cron_job(f"job-{number}"))
    token = batch.list_namespaced_cron_job(namespace, limit=1).metadata._continue
    aged = json.loads(base64.urlsafe_b64decode(token + "=="))
    aged["rv"] = 1  # a version that every cluster has compacted long ago
    old = base64.urlsafe_b64encode(json.dumps(aged).encode()).decode().rstrip("=")
    error = refused(lambda: batch.list_namespaced_cron_job(namespace, limit=1, _continue=old))
    body = json.loads(error.body)
    assert (error.status, body["reason"]) == (410, "Expired")
    rest = batch.list_namespaced_cron_job(namespace, _continue=body["metadata"]["continue"])
    assert [item.metadata.name for item in rest.items] == ["job-1", "job-2"]


def test_a_token_expires_when_history_is_compacted(
    batch: client.BatchV1Api, namespace: str, embedded: EmbeddedCluster
) -> None:
    for number in range(3):
        batch.create_namespaced_cron_job(namespace, cron_job(f"job-{number}"))
    token = batch.list_namespaced_cron_job(namespace, limit=1).metadata._continue
    embedded.compact()
    assert refused(lambda: batch.list_namespaced_cron_job(namespace, limit=1, _continue=token)).status == 410


def test_an_invalid_continue_token_is_refused(batch: client.BatchV1Api, namespace: str) -> None:
    assert refused(lambda: batch.list_namespaced_cron_job(namespace, limit=1, _continue="%%%")).status == 400


def test_items_of_a_list_do_not_repeat_their_kind(batch: client.BatchV1Api, namespace: str) -> None:
    batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    raw = json.loads(batch.list_namespaced_cron_job(namespace, _preload_content=False).data)
    assert (raw["kind"], raw["apiVersion"]) == ("CronJobList", "batch/v1")
    assert "kind" not in raw["items"][0]


def test_a_collection_is_deleted_by_label(core: client.CoreV1Api, fruit: str) -> None:
    core.delete_collection_namespaced_config_map(fruit, label_selector="colour=red")
    left = core.list_namespaced_config_map(fruit, label_selector="fruit")
    assert [item.metadata.name for item in left.items] == ["lemon", "plum", "quince"]


def test_a_list_from_the_cache_is_not_divided_into_pages(core: client.CoreV1Api, fruit: str) -> None:
    found = core.list_namespaced_config_map(fruit, resource_version="0", limit=2, label_selector="fruit=yes")

    # A server with a cache of snapshots may divide the list into pages even so, and then returns a token.
    assert len(found.items) == 5 or found.metadata._continue


def test_a_cache_that_lags_shows_the_objects_of_before(
    core: client.CoreV1Api, fruit: str, embedded: EmbeddedCluster
) -> None:
    embedded.lag()
    try:
        core.delete_namespaced_config_map("plum", fruit)
        core.create_namespaced_config_map(fruit, config_map("fig", {"fruit": "yes"}))
        lagging = core.list_namespaced_config_map(fruit, resource_version="0", label_selector="fruit")
        fresh = core.list_namespaced_config_map(fruit, label_selector="fruit")
    finally:
        embedded.lag(lags=False)

    assert [item.metadata.name for item in lagging.items] == ["apple", "cherry", "lemon", "plum", "quince"]
    assert [item.metadata.name for item in fresh.items] == ["apple", "cherry", "fig", "lemon", "quince"]


def test_a_list_of_metadata_has_the_metadata_alone(
    api: client.ApiClient, batch: client.BatchV1Api, namespace: str
) -> None:
    made = cron_job("nightly")
    made["metadata"]["annotations"] = {"example.com/version": "3"}
    batch.create_namespaced_cron_job(namespace, made)
    stored = batch.patch_namespaced_cron_job("nightly", namespace, {"spec": {"schedule": "1 1 * * *"}})
    batch.patch_namespaced_cron_job("nightly", namespace, {"metadata": {"labels": {"touched": "yes"}}})

    shown = got(api, f"/apis/batch/v1/namespaces/{namespace}/cronjobs?limit=5", METADATA)

    assert (shown["kind"], shown["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    (item,) = shown["items"]
    assert (item.pop("kind"), item.pop("apiVersion")) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    metadata = item.pop("metadata")
    assert item == {}
    assert metadata["uid"] == stored.metadata.uid
    assert metadata["annotations"] == {"example.com/version": "3"}
    # The creation and one change of the spec; a change of labels does not count.
    assert (metadata["generation"], metadata["labels"]["touched"]) == (2, "yes")


def table(api: client.ApiClient, path: str) -> dict[str, Any]:
    return got(api, path, TABLE)


def got(api: client.ApiClient, path: str, accept: str) -> dict[str, Any]:
    response = api.rest_client.pool_manager.request(
        "GET",
        api.configuration.host + path,
        headers={
            "Accept": accept,
            "Authorization": str(api.configuration.get_api_key_with_prefix("authorization")),
        },
    )
    shown: dict[str, Any] = json.loads(response.data)
    return shown


def test_a_table_has_the_columns_that_kubectl_shows(
    api: client.ApiClient, batch: client.BatchV1Api, namespace: str
) -> None:
    batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    shown = table(api, f"/apis/batch/v1/namespaces/{namespace}/cronjobs")
    assert shown["kind"] == "Table"
    columns = [column["name"] for column in shown["columnDefinitions"] if not column["priority"]]
    assert columns == ["Name", "Schedule", "Timezone", "Suspend", "Active", "Last Schedule", "Age"]
    (row,) = shown["rows"]
    assert row["cells"][:6] == ["nightly", "0 0 1 1 *", "<none>", "False", 0, "<none>"]
    assert row["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=119), "119s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(minutes=9, seconds=59), "9m59s"),
        (timedelta(minutes=179), "179m"),
        (timedelta(hours=7, minutes=3), "7h3m"),
        (timedelta(hours=47), "47h"),
        (timedelta(days=7, hours=2), "7d2h"),
        (timedelta(days=400), "400d"),
        (timedelta(days=800), "2y70d"),
        (timedelta(days=4000), "10y"),
        (timedelta(seconds=-5), "<invalid>"),
    ],
)
def test_an_age_has_two_figures_at_most(passed: timedelta, shown: str) -> None:
    assert human_duration(passed.total_seconds()) == shown


def watched(core: client.CoreV1Api, namespace: str, **options: Any) -> Iterator[tuple[str, str]]:
    for event in watch.Watch().stream(core.list_namespaced_config_map, namespace, timeout_seconds=30, **options):
        yield event["type"], event["object"].metadata.name


def test_a_watch_sends_the_existing_objects_and_then_every_change(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("before", {"mine": "yes"}))
    events = watched(core, namespace, label_selector="mine")
    assert next(events) == ("ADDED", "before")
    core.create_namespaced_config_map(namespace, config_map("after", {"mine": "yes"}))
    core.create_namespaced_config_map(namespace, config_map("other"))
    core.patch_namespaced_config_map("after", namespace, {"data": {"a": "b"}})
    core.delete_namespaced_config_map("after", namespace)
    assert [next(events) for _ in range(3)] == [("ADDED", "after"), ("MODIFIED", "after"), ("DELETED", "after")]


def test_a_watch_shows_an_object_that_no_longer_matches_as_deleted(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("note", {"mine": "yes"}))
    events = watched(core, namespace, label_selector="mine=yes")
    assert next(events) == ("ADDED", "note")
    core.patch_namespaced_config_map("note", namespace, {"metadata": {"labels": {"mine": "no"}}})
    assert next(events) == ("DELETED", "note")
    core.patch_namespaced_config_map("note", namespace, {"metadata": {"labels": {"mine": "yes"}}})
    assert next(events) == ("ADDED", "note")


def test_a_watch_continues_from_a_version(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("before"))
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("after"))
    events = watched(core, namespace, resource_version=version, field_selector="metadata.name!=kube-root-ca.crt")
    assert next(events) == ("ADDED", "after")


def test_a_watch_ends_when_its_time_is_up(core: client.CoreV1Api, namespace: str) -> None:
    began = datetime.now(UTC)
    events = list(
        watch.Watch().stream(
            core.list_namespaced_config_map, namespace, timeout_seconds=1, field_selector="metadata.name=nope"
        )
    )
    assert events == []
    assert datetime.now(UTC) - began < timedelta(seconds=20)


def test_eight_threads_write_at_once_and_lose_nothing(core: client.CoreV1Api, namespace: str) -> None:
    def write(number: int) -> None:
        for index in range(10):
            core.create_namespaced_config_map(namespace, config_map(f"note-{number}-{index}", {"mine": "yes"}))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(core.list_namespaced_config_map(namespace, label_selector="mine").items) == 80
