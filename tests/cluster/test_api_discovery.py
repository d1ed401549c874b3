"""Discovery, a client's first requests: groups, resources, and errors for unknown paths."""

import json
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.manifests import refused


def test_the_groups_and_their_versions(api: client.ApiClient) -> None:
    groups = {group.name: group.preferred_version.version for group in client.ApisApi(api).get_api_versions().groups}
    assert groups["batch"] == "v1"
    assert client.CoreApi(api).get_api_versions().versions == ["v1"]


@pytest.mark.parametrize(
    ("resource", "kind", "short", "namespaced"),
    [
        ("pods", "Pod", ["po"], True),
        ("namespaces", "Namespace", ["ns"], False),
        ("configmaps", "ConfigMap", ["cm"], True),
        ("secrets", "Secret", None, True),
        ("serviceaccounts", "ServiceAccount", ["sa"], True),
        ("events", "Event", ["ev"], True),
    ],
)
def test_the_resources_of_the_core(
    core: client.CoreV1Api,
    resource: str,
    kind: str,
    short: list[str] | None,
    namespaced: bool,  # noqa: FBT001 - a table
) -> None:
    found = next(one for one in core.get_api_resources().resources if one.name == resource)
    assert (found.kind, found.short_names, found.namespaced) == (kind, short, namespaced)
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(found.verbs)


def test_the_resources_of_batch(batch: client.BatchV1Api) -> None:
    found = {one.name: one for one in batch.get_api_resources().resources}
    assert {"jobs", "jobs/status", "cronjobs", "cronjobs/status"} <= found.keys()
    assert found["cronjobs"].short_names == ["cj"]


def test_the_version(api: client.ApiClient) -> None:
    version = client.VersionApi(api).get_code()
    assert version.major == "1"
    assert version.git_version.startswith("v1.")


def get(api: client.ApiClient, method: str, path: str) -> Any:
    response = api.rest_client.pool_manager.request(
        method,
        api.configuration.host + path,
        headers={"Authorization": str(api.configuration.get_api_key_with_prefix("authorization"))},
    )
    if response.status >= 400:
        raise client.ApiException(http_resp=response)
    return response.data


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nonsense", "/apis/nonsense.example.com/v1/things", "/apis/batch/v1/pods", "/api/v2", "/nonsense"],
)
def test_a_path_that_leads_nowhere(api: client.ApiClient, path: str) -> None:
    assert refused(lambda: get(api, "GET", path)).status == 404


def test_a_path_that_does_not_take_the_verb(api: client.ApiClient) -> None:
    error = refused(lambda: get(api, "POST", "/apis/batch/v1/cronjobs"))
    assert (error.status, json.loads(error.body)["reason"]) == (405, "MethodNotAllowed")


def test_the_health_endpoint_answers_ok(api: client.ApiClient) -> None:
    assert get(api, "GET", "/healthz") == b"ok"
