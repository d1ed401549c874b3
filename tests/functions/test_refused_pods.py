"""A job's `sync` shows a refusal by a LimitRange, a quota or a policy before the job fires."""

from typing import Any

import pytest

from jobs_api.cluster import Cluster
from jobs_api.model.project import Project
from jobs_api.sync.trial import kind_of, pod_of
from tests.functions.people import Person
from tests.functions.refusals import Refuse
from tests.functions.test_sync_cronjobs import create, fire, job_changed, listed, stored_job, sync_of, tick, update

LIMIT = 'pods "jaffle-nightly-x7k2p" is forbidden: maximum cpu usage per Container is 8, but limit is 16'
NOT_ALLOWED = 'pods is forbidden: User "arn:aws:sts::1:assumed-role/x" cannot create resource "pods" in API group ""'


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the pods that are tried, from now on."""
    recorded: list[str] = []
    ask = Cluster.try_pod

    def recording(self: Cluster, pod: Any) -> None:
        recorded.append(pod["metadata"]["generateName"])
        ask(self, pod)

    monkeypatch.setattr(Cluster, "try_pod", recording)
    return recorded


def test_a_job_whose_pods_are_refused_says_so_while_its_cronjob_is_in_place(
    alice: Person, jaffle: Project, cluster: Cluster, refuse: Refuse
) -> None:
    job = create(alice, jaffle)
    refuse("POST", "/pods", status=403, message=LIMIT)

    job_changed(jaffle, job)

    assert listed(cluster, alice).keys() == {"jaffle-nightly"}
    told = sync_of(alice, job)
    assert told["state"] == "error"
    assert told["message"].endswith(f"the cluster refuses its pods: {LIMIT}")
    # Its CronJob fires, so a missed slot is not explained by a missing CronJob.
    synced = stored_job(job, alice).synced
    assert synced
    assert synced.in_force_at


def test_a_job_without_a_cronjob_whose_pods_are_refused_says_so(
    alice: Person, jaffle: Project, cluster: Cluster, refuse: Refuse
) -> None:
    seed = create(alice, jaffle)
    job = create(alice, jaffle, name="docs", schedule=None, run_after=[{"job_id": seed["id"]}])
    refuse("POST", "/pods", status=403, message=LIMIT)

    job_changed(jaffle, job)

    assert sync_of(alice, job)["message"] == f"The cluster refuses its pods: {LIMIT}"
    refuse()
    tick(alice)
    assert sync_of(alice, job)["state"] == "synced"
    assert listed(cluster, alice).keys() == {"jaffle-nightly"}


def test_a_job_is_synced_again_once_the_cluster_takes_its_pods(
    alice: Person, jaffle: Project, cluster: Cluster, refuse: Refuse, tried: list[str]
) -> None:
    job = create(alice, jaffle)
    refuse("POST", "/pods", status=403, message=LIMIT)
    job_changed(jaffle, job)
    tick(alice)
    tick(alice)
    assert sync_of(alice, job)["state"] == "error"
    assert len(tried) == 3

    refuse()
    tick(alice)
    assert sync_of(alice, job)["state"] == "synced"

    # From here on nothing has changed, so no pod is tried.
    tried.clear()
    tick(alice)
    job_changed(jaffle, job)
    fire(cluster, alice, "jaffle-nightly")
    tick(alice)
    assert tried == []
    update(alice, job, resources={"limits": {"cpu": "2"}})
    tick(alice)
    assert len(tried) == 1


def test_one_pod_is_tried_for_all_jobs_with_equal_pods(
    alice: Person, jaffle: Project, cluster: Cluster, tried: list[str]
) -> None:
    assert cluster
    for number in range(5):
        create(alice, jaffle, name=f"alike-{number}", command=f"dbt run --select m{number}", environment={"N": "1"})
    create(alice, jaffle, name="large", resources={"limits": {"cpu": "16"}})

    tick(alice)

    assert len(tried) == 2


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, NOT_ALLOWED),
        (503, "down"),
        (500, "etcd"),
        (400, "admission webhook x cannot dry run"),
        (404, "?"),
    ],
)
def test_a_cluster_that_cannot_be_asked_has_refused_nothing(
    alice: Person, jaffle: Project, cluster: Cluster, refuse: Refuse, status: int, message: str
) -> None:
    job = create(alice, jaffle)
    refuse("POST", "/pods", status=status, message=message)

    job_changed(jaffle, job)

    assert listed(cluster, alice).keys() == {"jaffle-nightly"}
    assert sync_of(alice, job)["state"] == "synced"


def test_a_message_hides_the_services_name_in_the_cluster(
    alice: Person, jaffle: Project, cluster: Cluster, refuse: Refuse
) -> None:
    assert cluster
    job = create(alice, jaffle)
    message = 'admission webhook "policy" denied the request: User "arn:aws:sts::1:assumed-role/x" may not'
    refuse("POST", "/pods", status=403, message=message)

    job_changed(jaffle, job)

    assert "arn:" not in sync_of(alice, job)["message"]
    assert 'webhook "policy" denied the request: this service may not' in sync_of(alice, job)["message"]


def test_the_pod_that_is_tried_is_the_one_that_a_job_would_make(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    job = create(alice, jaffle, resources={"limits": {"cpu": "2"}})
    job_changed(jaffle, job)
    live = listed(cluster, alice)["jaffle-nightly"]

    pod = pod_of(live)
    cluster.try_pod(pod)

    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "2"}
    assert pod["metadata"]["labels"] == live["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert list(cluster.list_pods(alice.organization_id, "")) == [[]]
    assert "dbt" not in kind_of(pod).replace("dbt:", "").replace('"image": "dbt"', "")


def test_limits_of_the_namespace_are_reported_until_they_are_raised(
    alice: Person, jaffle: Project, cluster: Cluster
) -> None:
    namespace = alice.organization_id
    path = f"/api/v1/namespaces/{namespace}/limitranges"
    limits = {"metadata": {"name": "jobs"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "8"}}]}}
    cluster._connection.write("POST", path, limits)
    job = create(alice, jaffle, resources={"limits": {"cpu": "16"}})

    job_changed(jaffle, job)

    told = sync_of(alice, job)
    assert told["state"] == "error"
    assert told["message"].endswith("is forbidden: maximum cpu usage per Container is 8, but limit is 16")

    cluster._connection.write("DELETE", f"{path}/jobs", {})
    tick(alice)
    assert sync_of(alice, job)["state"] == "synced"


def test_a_used_up_quota_is_reported_while_it_is_used_up(alice: Person, jaffle: Project, cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{alice.organization_id}/resourcequotas"
    cluster._connection.write("POST", path, {"metadata": {"name": "jobs"}, "spec": {"hard": {"pods": "0"}}})
    job = create(alice, jaffle)

    tick(alice)

    assert "exceeded quota: jobs, requested: pods=1, used: pods=0, limited: pods=0" in sync_of(alice, job)["message"]
