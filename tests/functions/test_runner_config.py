"""The ConfigMap that brings the runner into Pods: a sync keeps it, where a project stores artifacts."""

from typing import Any

import pytest

from jobs_api import runner
from jobs_api.cluster import Cluster, Object, ObjectNotFound
from jobs_api.k8s import labels
from jobs_api.model.project import Project
from jobs_api.sync import runner_config
from tests.functions.people import Person
from tests.functions.refusals import Refuse
from tests.functions.test_sync_cronjobs import create, listed, operate, tick

PATH = f"/configmaps/{runner.CONFIG_MAP}"


@pytest.fixture
def storing(jaffle: Project, alice: Person) -> Project:
    """Alice's project with a job, which stores the artifacts of its runs."""
    create(alice, jaffle)
    return operate(jaffle, artifacts=True)


def config_map(cluster: Cluster, person: Person) -> Object:
    return cluster.get_config_map(person.organization_id, runner.CONFIG_MAP)


def later() -> None:
    """Let the ten minutes pass in which a ConfigMap counts as right."""
    runner_config._right.clear()


@pytest.mark.usefixtures("storing")
def test_a_project_that_stores_artifacts_has_the_runner_in_its_namespace(
    alice: Person, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", "https://jobs.example.com")
    tick(alice)
    made = config_map(cluster, alice)
    assert made["data"] == {"runner.py": runner.source(), "url": "https://jobs.example.com"}
    assert made["metadata"]["labels"][labels.MANAGED_BY] == "jobs-api"
    pod = listed(cluster, alice)["jaffle-nightly"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"][:2] == ["/bin/sh", "-c"]


@pytest.mark.usefixtures("storing")
def test_the_cluster_stores_such_a_cronjob_as_it_was_wanted(alice: Person, cluster: Cluster) -> None:
    tick(alice)
    before = listed(cluster, alice)["jaffle-nightly"]["metadata"]["resourceVersion"]
    tick(alice)
    assert listed(cluster, alice)["jaffle-nightly"]["metadata"]["resourceVersion"] == before


def test_without_artifacts_there_is_no_config_map(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    create(alice, jaffle)
    tick(alice)
    with pytest.raises(ObjectNotFound):
        config_map(cluster, alice)


@pytest.mark.usefixtures("storing")
@pytest.mark.parametrize("change", [{"runner.py": "print('mine')"}, {"url": "https://elsewhere"}, {}])
def test_a_config_map_that_was_changed_by_hand_or_is_older_is_corrected(
    alice: Person, cluster: Cluster, change: dict[str, Any]
) -> None:
    tick(alice)
    there = config_map(cluster, alice)
    cluster.replace_config_map({**there, "data": {**there["data"], **change} if change else {}})
    later()
    tick(alice)
    assert config_map(cluster, alice)["data"] == there["data"]


@pytest.mark.usefixtures("storing")
def test_a_config_map_of_another_deployment_is_left_alone(alice: Person, cluster: Cluster) -> None:
    theirs = runner_config.runner_config_map(alice.organization_id)
    theirs["metadata"]["labels"][labels.DEPLOYMENT] = "other"
    cluster.create_config_map({**theirs, "data": {"url": "https://other"}})
    tick(alice)
    assert config_map(cluster, alice)["data"] == {"url": "https://other"}


@pytest.mark.usefixtures("storing")
def test_rights_from_before_stop_no_sync(alice: Person, cluster: Cluster, refuse: Refuse) -> None:
    refuse("/configmaps", status=403, message="configmaps is forbidden")
    tick(alice)
    assert listed(cluster, alice).keys() == {"jaffle-nightly"}
