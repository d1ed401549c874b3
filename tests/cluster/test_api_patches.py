"""The four types of PATCH, and kubectl apply, which uses them."""

import json
from typing import Any

from kubernetes import client

from tests.cluster.manifests import config_map, cron_job, refused


def patch(api: client.ApiClient, namespace: str, name: str, media_type: str, change: Any, query: str = "") -> Any:
    """PATCH a ConfigMap with a media type of one's own choice; raises ApiException."""
    url = f"{api.configuration.host}/api/v1/namespaces/{namespace}/configmaps/{name}{query}"
    token = str(api.configuration.get_api_key_with_prefix("authorization"))
    response = api.rest_client.pool_manager.request(
        "PATCH", url, body=json.dumps(change), headers={"Content-Type": media_type, "Authorization": token}
    )
    if response.status >= 400:
        raise client.ApiException(http_resp=response)
    return json.loads(response.data)


def test_a_merge_patch_removes_with_null(api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("note", a="1", b="2"))
    changed = patch(api, namespace, "note", "application/merge-patch+json", {"data": {"a": None, "c": "3"}})
    assert changed["data"] == {"b": "2", "c": "3"}


def test_a_json_patch_goes_step_by_step(api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("note", a="1"))
    steps = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "move", "from": "/data/a", "path": "/data/b"}]
    assert patch(api, namespace, "note", "application/json-patch+json", steps)["data"] == {"b": "1"}
    failed = refused(lambda: patch(api, namespace, "note", "application/json-patch+json", steps))
    assert failed.status == 422


def test_a_strategic_patch_finds_containers_by_name(batch: client.BatchV1Api, namespace: str) -> None:
    made = cron_job("nightly")
    pod = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["containers"].append({"name": "side", "image": "python", "env": [{"name": "A", "value": "1"}]})
    batch.create_namespaced_cron_job(namespace, made)
    side = {"name": "side", "env": [{"name": "B", "value": "2"}]}
    change = {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [side]}}}}}}
    changed = batch.patch_namespaced_cron_job("nightly", namespace, change)
    containers = changed.spec.job_template.spec.template.spec.containers
    assert [container.name for container in containers] == ["main", "side"]
    assert {variable.name: variable.value for variable in containers[1].env} == {"A": "1", "B": "2"}


def test_an_apply_creates_an_object_that_does_not_exist(api: client.ApiClient, namespace: str) -> None:
    wanted = config_map("note", a="1")
    made = patch(api, namespace, "note", "application/apply-patch+yaml", wanted, "?fieldManager=tests")
    assert made["data"] == {"a": "1"}
    changed = patch(
        api, namespace, "note", "application/apply-patch+yaml", config_map("note", a="2"), "?fieldManager=tests"
    )
    assert changed["data"] == {"a": "2"}


def test_a_merge_patch_creates_nothing(core: client.CoreV1Api, namespace: str) -> None:
    assert refused(lambda: core.patch_namespaced_config_map("nope", namespace, {"data": {"a": "b"}})).status == 404


def test_a_patch_of_an_old_version_is_a_conflict(core: client.CoreV1Api, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, config_map("note", a="1"))
    core.patch_namespaced_config_map("note", namespace, {"data": {"a": "2"}})
    stale = {"metadata": {"resourceVersion": made.metadata.resource_version}, "data": {"a": "3"}}
    assert refused(lambda: core.patch_namespaced_config_map("note", namespace, stale)).status == 409


def test_a_patch_is_validated_as_a_whole(batch: client.BatchV1Api, namespace: str) -> None:
    batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    error = refused(lambda: batch.patch_namespaced_cron_job("nightly", namespace, {"spec": {"schedule": "never"}}))
    assert (error.status, json.loads(error.body)["details"]["causes"][0]["field"]) == (422, "spec.schedule")


def test_a_patch_of_an_unknown_type_is_refused(api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("note"))
    assert refused(lambda: patch(api, namespace, "note", "application/json", {"data": {}})).status == 415
