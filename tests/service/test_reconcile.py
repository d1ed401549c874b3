"""Plans by property: for any content of a cluster, the plan makes it right and changes nothing else."""

import copy
import functools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.k8s import labels, manifests
from jobs_api.k8s.pod_template import Manifest
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project, ProjectSettings
from jobs_api.model.resources import Resources
from jobs_api.model.slot_history import SlotHistory
from jobs_api.sync.changes import Create, Delete, Leave, Reason, Replace
from jobs_api.sync.reconcile import compare, plan

NOON = datetime(2026, 4, 28, 12, 0, 0, tzinfo=UTC)


def wanted(
    job_id: str = "job_a",
    name: str = "nightly",
    version: int = 3,
    project_version: int = 2,
    since: datetime = NOON,
    **settings: Any,
) -> Manifest:
    """Return the CronJob of a job of the project `jaffle`, which fires as it does `since` then."""
    project = Project(
        id="proj_jaffle",
        organization_id="org-acme",
        settings=ProjectSettings(
            name="jaffle",
            project_type=ProjectType.DBT,
            image="registry.example/dbt:1.10",
            environment_secret="warehouse",
            deployed=True,
        ),
        cursor_key="k",
        version=project_version,
        created_at=NOON - timedelta(days=7),
        updated_at=NOON,
    )
    document = {"name": name, "command": "dbt build", "schedule": "0 2 * * *", **settings}
    job = Job(
        id=job_id,
        organization_id="org-acme",
        project_id=project.id,
        settings=JobSettings.of(document, project),
        cronjob_name=f"jaffle-{name}",
        version=version,
        created_at=NOON,
        updated_at=NOON,
        slots=SlotHistory(since=since),
    )
    return manifests.cronjob(project, job, NOON)


def stored(manifest: Manifest, **metadata: Any) -> Manifest:
    """Return a manifest as an API server stores and lists it: with its defaults, an identity and a status."""
    live = copy.deepcopy(manifest)
    del live["kind"], live["apiVersion"]
    live["metadata"] |= {
        "uid": "uid-1",
        "resourceVersion": "10",
        "generation": 1,
        "creationTimestamp": "2026-04-28T12:00:00Z",
        "managedFields": [{"manager": "jobs-api"}],
        **metadata,
    }
    live["status"] = {"lastScheduleTime": "2026-04-28T02:00:00Z"}
    template = live["spec"]["jobTemplate"]
    template["metadata"]["creationTimestamp"] = None
    template["spec"]["template"]["metadata"]["creationTimestamp"] = None
    pod = template["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30}
    for container in pod["containers"]:
        container.setdefault("resources", {})
        container |= {
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        }
    return live


def planned(desired: Iterable[Manifest], live: Iterable[Manifest]) -> list[Any]:
    return list(plan({manifest["metadata"]["name"]: manifest for manifest in desired}, live))


def container_of(live: Manifest) -> dict[str, Any]:
    container: dict[str, Any] = live["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    return container


def replaced(schedule_since: datetime, last: str | None, **settings: Any) -> Replace:
    """Return what is done about a CronJob, made at noon, whose job got another schedule at a time."""
    live = stored(wanted())
    live["status"] = {"active": [{"name": "nightly-1"}], **({"lastScheduleTime": last} if last else {})}
    (change,) = planned([wanted(version=4, schedule="4 2 * * *", since=schedule_since, **settings)], [live])
    assert isinstance(change, Replace)
    return change


@pytest.mark.parametrize("last", [None, "2026-04-28T12:04:00Z"])
def test_a_cronjob_that_has_not_fired_since_its_schedule_changed_is_dated_first(last: str | None) -> None:
    change = replaced(NOON + timedelta(minutes=4, seconds=10), last)

    assert change.dated
    assert change.dated["status"] == {
        "active": [{"name": "nightly-1"}],
        "lastScheduleTime": "2026-04-28T12:04:10Z",
    }
    # An API server also takes labels and annotations from the request.
    live = stored(wanted())
    assert {key: change.dated[key] for key in ("metadata", "spec")} == {
        "metadata": live["metadata"],
        "spec": live["spec"],
    }
    assert (change.dated["kind"], change.dated["apiVersion"]) == ("CronJob", "batch/v1")


@pytest.mark.parametrize(
    ("since", "last", "settings"),
    [
        pytest.param(NOON, None, {}, id="made when its schedule was"),
        pytest.param(NOON - timedelta(days=1), None, {}, id="made later than its schedule"),
        pytest.param(NOON + timedelta(minutes=1), "2026-04-28T12:04:00Z", {}, id="has fired by this schedule"),
        pytest.param(NOON + timedelta(minutes=4), None, {"enabled": False}, id="does not fire"),
    ],
)
def test_the_status_of_a_cronjob_that_needs_no_date_is_left_alone(
    since: datetime, last: str | None, settings: dict[str, Any]
) -> None:
    assert replaced(since, last, **settings).dated is None


def test_a_job_without_a_cronjob_gets_one() -> None:
    assert planned([wanted()], []) == [Create(wanted())]


def test_a_cronjob_as_the_api_server_stored_it_is_left_alone() -> None:
    assert (
        planned(
            [wanted(environment={"EMPTY": "", "FULL": "1"})], [stored(wanted(environment={"EMPTY": "", "FULL": "1"}))]
        )
        == []
    )


def test_a_changed_job_replaces_exactly_the_version_that_was_listed() -> None:
    (change,) = planned([wanted(version=4, schedule="0 3 * * *")], [stored(wanted())])
    assert isinstance(change, Replace)
    assert change.manifest["spec"]["schedule"] == "0 3 * * *"
    assert change.manifest["metadata"]["uid"] == "uid-1"
    assert change.manifest["metadata"]["resourceVersion"] == "10"


def test_a_change_that_is_not_in_the_pod_still_moves_the_version_in_the_cluster() -> None:
    (change,) = planned([wanted(version=4, description="better")], [stored(wanted())])
    assert change.manifest["metadata"]["annotations"][labels.JOB_VERSION] == "4"


def test_a_cronjob_that_no_job_wants_is_deleted_at_the_version_that_was_listed() -> None:
    assert planned([], [stored(wanted())]) == [Delete("jaffle-nightly", "uid-1", "10", "proj_jaffle", "job_a", 3, 2)]


def test_a_new_job_of_an_old_name_gets_a_cronjob_of_its_own() -> None:
    first, second = planned([wanted("job_b", version=1)], [stored(wanted("job_a", version=9))])
    assert isinstance(first, Delete)
    assert first.job_id == "job_a"
    assert second == Create(wanted("job_b", version=1))


@pytest.mark.parametrize("newer", [{"version": 4}, {"project_version": 3}])
def test_a_sync_with_older_versions_than_the_cluster_changes_nothing(newer: dict[str, int]) -> None:
    live = stored(wanted(**newer))  # type: ignore[arg-type]
    assert planned([wanted(schedule="0 3 * * *")], [live]) == [Leave(live, Reason.NEWER)]


def test_versions_that_the_tables_never_had_are_put_back() -> None:
    live = stored(wanted(version=99))
    assert isinstance(compare(wanted(), live, latest=True), Replace)


def test_versions_that_somebody_scribbled_over_are_put_back() -> None:
    live = stored(wanted())
    live["metadata"]["annotations"][labels.JOB_VERSION] = "newest"
    assert isinstance(compare(wanted(), live), Replace)


def test_a_cronjob_without_our_label_is_never_touched_even_under_a_wanted_name() -> None:
    live = stored(wanted(), labels={"app.kubernetes.io/managed-by": "Helm"})
    assert planned([wanted()], [live]) == [Leave(live, Reason.FOREIGN)]


def test_a_cronjob_of_somebody_else_under_an_unwanted_name_is_not_in_the_plan() -> None:
    assert planned([], [stored(wanted(), labels={})]) == []


def test_a_name_is_left_alone_until_its_last_owner_is_gone() -> None:
    live = stored(wanted(), deletionTimestamp="2026-04-28T12:00:00Z")
    assert planned([wanted()], [live]) == [Leave(live, Reason.GOING)]
    assert planned([], [live]) == []


def _suspend(live: Manifest) -> None:
    live["spec"]["suspend"] = True


def _reschedule(live: Manifest) -> None:
    live["spec"]["schedule"] = "* * * * *"


def _drop_the_time_zone(live: Manifest) -> None:
    del live["spec"]["timeZone"]


def _drop_a_label(live: Manifest) -> None:
    del live["metadata"]["labels"][labels.JOB_ID]


def _add_a_variable(live: Manifest) -> None:
    container_of(live)["env"].append({"name": "DEBUG", "value": "1"})


def _change_a_variable(live: Manifest) -> None:
    container_of(live)["env"] = [{"name": "TARGET", "value": "other"}]


def _drop_the_variables(live: Manifest) -> None:
    container_of(live)["env"] = []


def _change_a_word(live: Manifest) -> None:
    container_of(live)["command"][1] = "test"


def _add_arguments(live: Manifest) -> None:
    container_of(live)["args"] = ["--full-refresh"]


def _add_a_limit(live: Manifest) -> None:
    container_of(live)["resources"] = {"limits": {"cpu": "1"}}


def _allow_escalation(live: Manifest) -> None:
    container_of(live)["securityContext"]["allowPrivilegeEscalation"] = True


def _add_a_capability(live: Manifest) -> None:
    container_of(live)["securityContext"]["capabilities"]["add"] = ["SYS_ADMIN"]


def _never_pull(live: Manifest) -> None:
    container_of(live)["imagePullPolicy"] = "Never"


def _add_a_container(live: Manifest) -> None:
    pod = live["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["containers"].append({"name": "miner", "image": "miner"})


def _add_an_init_container(live: Manifest) -> None:
    live["spec"]["jobTemplate"]["spec"]["template"]["spec"]["initContainers"] = [{"name": "x", "image": "x"}]


def _use_the_hosts_network(live: Manifest) -> None:
    live["spec"]["jobTemplate"]["spec"]["template"]["spec"]["hostNetwork"] = True


def _add_a_pod_label(live: Manifest) -> None:
    live["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]["team"] = "data"


def _retry(live: Manifest) -> None:
    live["spec"]["jobTemplate"]["spec"]["backoffLimit"] = 6


def _wait_longer(live: Manifest) -> None:
    live["spec"]["jobTemplate"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 600


EDITS = [
    _suspend,
    _reschedule,
    _drop_the_time_zone,
    _drop_a_label,
    _add_a_variable,
    _change_a_variable,
    _drop_the_variables,
    _change_a_word,
    _add_arguments,
    _add_a_limit,
    _allow_escalation,
    _add_a_capability,
    _never_pull,
    _add_a_container,
    _add_an_init_container,
    _use_the_hosts_network,
    _add_a_pod_label,
    _retry,
    _wait_longer,
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_").replace("_", " "))
def test_an_edit_by_hand_is_reverted(edit: Any) -> None:
    live = stored(wanted(environment={"TARGET": "prod"}))
    edit(live)
    (change,) = planned([wanted(environment={"TARGET": "prod"})], [live])
    assert isinstance(change, Replace)
    assert change.manifest["spec"] == wanted(environment={"TARGET": "prod"})["spec"]


def test_labels_and_annotations_that_others_put_on_a_cronjob_do_no_harm() -> None:
    live = stored(wanted())
    live["metadata"]["labels"]["team"] = "data"
    live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
    assert planned([wanted()], [live]) == []


def test_quantities_are_compared_as_the_api_server_writes_them() -> None:
    asked = {"limits": {"cpu": "0.5", "memory": "1024Mi"}}
    live = stored(wanted(resources=asked))
    assert container_of(live)["resources"] == {"limits": {"cpu": "500m", "memory": "1Gi"}}
    assert Resources.model_validate(asked).limits["cpu"] == "0.5"
    assert planned([wanted(resources=asked)], [live]) == []


class FakeNamespace:
    """CronJobs by name, with the API server's conditions on writing them."""

    def __init__(self, live: Iterable[Manifest]) -> None:
        self.cronjobs = {cronjob["metadata"]["name"]: cronjob for cronjob in live}
        self._version = 1000

    def follow(self, desired: Mapping[str, Manifest]) -> int:
        """Do what the plan says, against what was there when it began; return how many writes that took."""
        writes = 0
        for change in plan(desired, list(self.cronjobs.values())):
            match change:
                case Create():
                    assert change.name not in self.cronjobs
                    self._store(change.manifest)
                case Replace():
                    self._check(change.name, change.manifest["metadata"])
                    self._store(change.manifest)
                case Delete():
                    self._check(change.name, {"uid": change.uid, "resourceVersion": change.resource_version})
                    del self.cronjobs[change.name]
                case Leave():
                    continue
            writes += 1
        return writes

    def _store(self, manifest: Manifest) -> None:
        self._version += 1
        name, version = manifest["metadata"]["name"], str(self._version)
        self.cronjobs[name] = stored(manifest, uid=f"uid-{version}", resourceVersion=version)

    def _check(self, name: str, stated: Mapping[str, str]) -> None:
        there = self.cronjobs[name]["metadata"]
        assert (there["uid"], there["resourceVersion"]) == (stated["uid"], stated["resourceVersion"])


# Each job is built once, because validating a job takes longer than everything that is tested here.
JOBS = st.builds(
    functools.cache(wanted),
    job_id=st.sampled_from(["job_a", "job_b", "job_c"]),
    name=st.sampled_from(["nightly", "hourly", "weekly", "monthly"]),
    version=st.integers(1, 3),
    project_version=st.integers(1, 3),
    schedule=st.sampled_from(["0 2 * * *", "@hourly"]),
    enabled=st.booleans(),
)
DESIRED = st.lists(JOBS, unique_by=lambda manifest: manifest["metadata"]["name"]).map(
    lambda jobs: {manifest["metadata"]["name"]: manifest for manifest in jobs}
)


@st.composite
def live_states(draw: st.DrawFn) -> list[Manifest]:
    """Draw what a namespace may hold: CronJobs of ours, some edited, some that are not ours, each with a name."""
    live = []
    for number, manifest in enumerate(
        draw(st.lists(JOBS, unique_by=lambda manifest: manifest["metadata"]["name"])), start=1
    ):
        cronjob = stored(manifest, uid=f"uid-{number}", resourceVersion=str(number))
        for edit in draw(st.lists(st.sampled_from(EDITS), max_size=2, unique=True)):
            edit(cronjob)
        if draw(st.booleans()) and draw(st.booleans()):
            cronjob["metadata"]["labels"].pop(labels.MANAGED_BY)
        live.append(cronjob)
    return live


def _is_ours(cronjob: Manifest) -> bool:
    return bool(cronjob["metadata"]["labels"].get(labels.MANAGED_BY) == labels.MANAGED_BY_US)


def _versions(cronjob: Manifest) -> tuple[int, int]:
    annotations = cronjob["metadata"]["annotations"]
    return int(annotations[labels.JOB_VERSION]), int(annotations[labels.PROJECT_VERSION])


@given(DESIRED, live_states())
def test_following_the_plan_reaches_what_is_desired_from_anywhere(
    desired: dict[str, Manifest], live: list[Manifest]
) -> None:
    namespace = FakeNamespace(copy.deepcopy(live))
    namespace.follow(desired)
    before = {cronjob["metadata"]["name"]: cronjob for cronjob in live}
    for name, manifest in desired.items():
        there = namespace.cronjobs[name]
        left_alone = there == before.get(name)
        assert left_alone or there["spec"] == stored(manifest)["spec"]
        if left_alone and _is_ours(there):
            assert compare(manifest, there) is None or _versions(there) != _versions(manifest)
    assert {name for name, there in namespace.cronjobs.items() if _is_ours(there)} <= desired.keys()


@given(DESIRED, live_states())
def test_a_second_plan_changes_nothing(desired: dict[str, Manifest], live: list[Manifest]) -> None:
    namespace = FakeNamespace(copy.deepcopy(live))
    namespace.follow(desired)
    assert namespace.follow(desired) == 0


@given(DESIRED, live_states())
def test_nothing_without_our_label_is_touched(desired: dict[str, Manifest], live: list[Manifest]) -> None:
    namespace = FakeNamespace(copy.deepcopy(live))
    namespace.follow(desired)
    for cronjob in live:
        if not _is_ours(cronjob):
            assert namespace.cronjobs[cronjob["metadata"]["name"]] == cronjob


@given(DESIRED, live_states())
def test_an_older_version_never_overwrites_a_newer(desired: dict[str, Manifest], live: list[Manifest]) -> None:
    namespace = FakeNamespace(copy.deepcopy(live))
    namespace.follow(desired)
    for cronjob in live:
        manifest = desired.get(cronjob["metadata"]["name"])
        same_job = manifest and manifest["metadata"]["labels"][labels.JOB_ID] == cronjob["metadata"]["labels"].get(
            labels.JOB_ID
        )
        if manifest and same_job and any(a > b for a, b in zip(_versions(cronjob), _versions(manifest), strict=True)):
            assert namespace.cronjobs[cronjob["metadata"]["name"]] == cronjob
