"""`make run` on a real cluster: only if it is named, reported at the start, and with only the manifest's rights."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from jobs_api.k8s import labels
from local.cluster import EmbeddedCluster
from local.cluster.api import rights
from local.kubernetes_api import KubernetesApi, UnusableCluster
from local.stack import deployment_of
from tests.local.conftest import eventually
from tests.local.test_make_run import ROOT, START_SECONDS, start

pytestmark = pytest.mark.slow

MANIFEST = ROOT / "deploy/kubernetes/jobs-api.yaml"
NAMESPACE = "org-acme"


@pytest.fixture
def real(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    """Return a cluster as an operator has set it up for one organization."""
    with EmbeddedCluster(tmp_path / "real", ROOT / "local/images") as cluster:
        KubernetesApi(cluster.kubeconfig).create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        yield cluster


@pytest.fixture
def batch(real: EmbeddedCluster) -> Iterator[client.BatchV1Api]:
    with config.new_client_from_config(str(real.kubeconfig)) as api:
        yield client.BatchV1Api(api)


def role() -> list[dict[str, Any]]:
    documents = list(yaml.safe_load_all(MANIFEST.read_text()))
    rules: list[dict[str, Any]] = next(one["rules"] for one in documents if one["kind"] == "ClusterRole")
    return rules


def with_the_manifests_rights(cluster: EmbeddedCluster) -> None:
    assert cluster.faults
    cluster.faults.fault = rights.only(role(), {NAMESPACE})


def test_a_role_allows_what_it_says_and_where_it_is_bound(real: EmbeddedCluster, batch: client.BatchV1Api) -> None:
    with_the_manifests_rights(real)

    assert batch.list_namespaced_cron_job(NAMESPACE).items == []
    with pytest.raises(client.ApiException) as refused:
        batch.delete_namespaced_job("any", NAMESPACE)
    assert refused.value.status == 403
    assert json.loads(refused.value.body)["message"] == (
        'jobs.batch "any" is forbidden: User "system:embedded" cannot delete resource "jobs" in API group "batch" '
        f'in the namespace "{NAMESPACE}"'
    )
    with pytest.raises(client.ApiException):
        batch.list_namespaced_cron_job("kube-system")
    with pytest.raises(client.ApiException):
        batch.list_cron_job_for_all_namespaces()


def cronjobs(batch: client.BatchV1Api) -> dict[str, str]:
    """Return the version of each CronJob, by its name."""
    found = batch.list_namespaced_cron_job(NAMESPACE).items
    return {one.metadata.name: one.metadata.resource_version for one in found}


def of_another_deployment(batch: client.BatchV1Api) -> None:
    """Fill the namespace as another deployment would: of a version with marks, and of one before."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "job", "image": "python", "command": ["true"]}]}
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    for number in range(12):
        ours = {
            labels.MANAGED_BY: labels.MANAGED_BY_US,
            labels.ORGANIZATION: NAMESPACE,
            labels.PROJECT: "jaffle",
            labels.PROJECT_ID: "proj_theirs",
            labels.JOB_ID: f"job_{number}",
        }
        mark = {labels.DEPLOYMENT: "jobs-api"} if number % 2 else {}
        metadata = {"name": f"jaffle-{number}", "labels": {**ours, **mark}}
        batch.create_namespaced_cron_job(NAMESPACE, {"metadata": metadata, "spec": spec})


def test_make_run_works_with_the_manifests_rights_and_changes_nothing_of_others(
    real: EmbeddedCluster, batch: client.BatchV1Api, tmp_path: Path
) -> None:
    of_another_deployment(batch)
    before = cronjobs(batch)
    with_the_manifests_rights(real)
    home = tmp_path / "home"
    process = start(home, JOBS_API_KUBECONFIG=str(real.kubeconfig))
    try:
        eventually(lambda: process.poll() is not None or (home / "session.json").exists(), START_SECONDS)
        assert process.poll() is None, process.communicate()
        assert json.loads((home / "session.json").read_text())["kubeconfig"] == str(real.kubeconfig)
        log = home / "functions.log"
        eventually(lambda: log.read_text().count('"message":"synced"') >= 3, START_SECONDS)
        assert cronjobs(batch) == before
    finally:
        process.terminate()
        output, _ = process.communicate()
    first = output.splitlines()[0]
    assert real.url in first
    assert "context embedded of " in first
    assert "org-acme and org-globex" in first
    assert f"with the label {labels.DEPLOYMENT}={deployment_of(home)}" in output
    assert "org-globex has no CronJobs until deploy/kubernetes/jobs-api.yaml is applied" in output
    assert "org-acme has no CronJobs" not in output
    assert "jaffle-env of org-acme was not made" in output


def test_a_laptops_deployment_name_is_unique_and_stays_the_same(tmp_path: Path) -> None:
    assert deployment_of(tmp_path / "a") == deployment_of(tmp_path / "b" / ".." / "a")
    assert deployment_of(tmp_path / "a") != deployment_of(tmp_path / "b")
    assert labels.label_value(deployment_of(tmp_path)) == deployment_of(tmp_path)


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{", "current-context: x\ncontexts: []\nclusters: []\nusers: []\n"]
)
def test_a_kubeconfig_that_names_no_cluster_is_one_line_that_says_so(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)

    with pytest.raises(UnusableCluster, match=str(path)):
        KubernetesApi(path)


def test_a_cluster_that_cannot_be_reached_is_one_line_that_says_so(real: EmbeddedCluster, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.write_text(real.kubeconfig.read_text().replace(real.url, "https://127.0.0.1:9"))
    process = start(tmp_path / "home", JOBS_API_KUBECONFIG=str(nowhere))

    _, errors = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 1
    assert errors.startswith("make run: The cluster https://127.0.0.1:9 (context embedded of ")
    assert len(errors.splitlines()) == 1
