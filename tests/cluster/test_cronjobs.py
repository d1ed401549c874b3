"""CronJobs: when they start Jobs, and what those are.

On the embedded cluster the clock stands still until a test moves it, so nothing here waits for a minute to pass. Tests
that need more than a few minutes to pass do not run on a real cluster.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes import client, config

from local.cluster import EmbeddedCluster
from local.cluster.clock import TestClock, timestamp
from tests.cluster.conftest import ROOT, Cluster
from tests.cluster.workloads import SLEEPS, Eventually, Object, conditions, cronjob, pods_of, shell

START = datetime(2026, 4, 28, 1, 59, 30, tzinfo=UTC)
PROBE = "probe-"
SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class Days:
    """Time on the embedded cluster, which stands still until a test moves it."""

    def __init__(self, clock: TestClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def pass_by(self, seconds: float) -> None:
        self._clock.advance(seconds)


class RealTime:
    """Time on a real cluster, which tests have to wait for."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def pass_by(self, seconds: float) -> None:
        if seconds > 120:
            pytest.skip("takes too long where time cannot be moved")
        time.sleep(seconds)


@pytest.fixture(scope="module")
def cluster(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster with a stopped clock, if it is the embedded one."""
    if cluster.embedded is None:
        yield cluster
        return
    home, images = tmp_path_factory.mktemp("timed"), ROOT / "local/images"
    with EmbeddedCluster(home, images, TestClock(START)) as embedded:
        yield Cluster(embedded.kubeconfig, cluster.image, embedded)


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
def days(cluster: Cluster) -> Days | RealTime:
    if cluster.embedded is None:
        return RealTime()
    assert isinstance(cluster.embedded.clock, TestClock)
    return Days(cluster.embedded.clock)


class Nightly:
    """A CronJob named `nightly`, in a test's words."""

    def __init__(self, batch: client.BatchV1Api, namespace: str, days: Days | RealTime, wait: Eventually) -> None:
        self._batch = batch
        self._namespace = namespace
        self._days = days
        self._wait = wait

    def create(self, body: Object) -> None:
        self._batch.create_namespaced_cron_job(self._namespace, body)

    def patch(self, **spec: Any) -> None:
        self._batch.patch_namespaced_cron_job("nightly", self._namespace, {"spec": spec})

    def note_last_fired(self, moment: datetime) -> None:
        body = {"status": {"lastScheduleTime": timestamp(moment)}}
        self._batch.patch_namespaced_cron_job_status("nightly", self._namespace, body)

    def status(self) -> Any:
        return self._batch.read_namespaced_cron_job_status("nightly", self._namespace).status

    def jobs(self) -> list[Any]:
        found = self._batch.list_namespaced_job(self._namespace).items
        found = [one for one in found if not one.metadata.name.startswith(PROBE)]
        return sorted(found, key=lambda one: one.metadata.name)

    def slots(self) -> list[datetime]:
        return [datetime.fromisoformat(one.metadata.annotations[SCHEDULED_AT]) for one in self.jobs()]

    def next_minute(self, count: int = 1) -> datetime:
        """Let the next full minute come, `count` times, and return it; what is due then has been done."""
        for _ in range(count):
            now = self._days.now()
            minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            self._days.pass_by((minute - now).total_seconds())
            self.run_until_idle()
        return minute

    def run_until_idle(self) -> None:
        """Return when the controllers have looked at all that was due: they take turns, and a new Job's is last."""
        name = f"{PROBE}{time.monotonic_ns()}"
        probe = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}}
        self._batch.create_namespaced_job(self._namespace, {**probe, "spec": {"suspend": True, "template": template}})
        self._wait(lambda: conditions(self._batch.read_namespaced_job(name, self._namespace)))
        # Without a propagation policy the Job exists until the garbage collector has orphaned its pods.
        self._batch.delete_namespaced_job(name, self._namespace, propagation_policy="Background")

    def all_ended(self) -> bool:
        return all({"Complete", "Failed"} & conditions(one).keys() for one in self.jobs())


@pytest.fixture
def nightly(batch: client.BatchV1Api, namespace: str, days: Days | RealTime, eventually: Eventually) -> Nightly:
    return Nightly(batch, namespace, days, eventually)


def test_it_works(nightly: Nightly, core: client.CoreV1Api, namespace: str, eventually: Eventually, image: str) -> None:
    nightly.create(cronjob("nightly", image, ("echo", "good night")))
    assert nightly.jobs() == []
    slot = nightly.next_minute()

    (job,) = nightly.jobs()
    assert job.metadata.name == f"nightly-{int(slot.timestamp()) // 60}"
    assert job.metadata.annotations == {"note": "kept", SCHEDULED_AT: slot.isoformat().replace("+00:00", "Z")}
    assert job.metadata.labels.items() >= {"team": "data"}.items()
    eventually(nightly.all_ended)
    (pod,) = pods_of(core, namespace, job.metadata.name)
    assert core.read_namespaced_pod_log(pod.metadata.name, namespace) == "good night\n"
    eventually(lambda: nightly.status().last_successful_time)
    assert nightly.status().last_schedule_time == slot
    assert nightly.status().active is None


def test_its_jobs_belong_to_it(nightly: Nightly, batch: client.BatchV1Api, namespace: str, image: str) -> None:
    nightly.create(cronjob("nightly", image, SLEEPS))
    nightly.next_minute()
    (job,) = nightly.jobs()
    (owner,) = job.metadata.owner_references
    uid = batch.read_namespaced_cron_job("nightly", namespace).metadata.uid
    assert (owner.kind, owner.name, owner.uid, owner.controller) == ("CronJob", "nightly", uid, True)
    (active,) = nightly.status().active
    assert (active.name, active.uid) == (job.metadata.name, job.metadata.uid)


def test_each_slot_has_one_job(nightly: Nightly, image: str, eventually: Eventually) -> None:
    nightly.create(cronjob("nightly", image, ("true",)))
    slots = []
    for _ in range(2):
        slots.append(nightly.next_minute())
        eventually(nightly.all_ended)
    assert nightly.slots() == slots


def test_slots_are_in_its_time_zone(nightly: Nightly, days: Days | RealTime, image: str) -> None:
    # Kolkata's offset from UTC is 5 hours and 30 minutes.
    local = days.now() + timedelta(hours=5, minutes=31)
    nightly.create(cronjob("nightly", image, ("true",), f"{local.minute} {local.hour} * * *", timeZone="Asia/Kolkata"))
    slot = nightly.next_minute()
    (job,) = nightly.jobs()
    assert job.metadata.annotations[SCHEDULED_AT].endswith("+05:30")
    assert nightly.slots() == [slot]


@pytest.mark.parametrize(("policy", "running"), [("Allow", 2), ("Forbid", 1), ("Replace", 1)])
def test_the_concurrency_policy_decides_about_a_slot_while_a_job_still_runs(
    nightly: Nightly, image: str, eventually: Eventually, policy: str, running: int
) -> None:
    nightly.create(cronjob("nightly", image, SLEEPS, concurrencyPolicy=policy))
    first = nightly.next_minute()
    second = nightly.next_minute()
    expected = {"Allow": [first, second], "Forbid": [first], "Replace": [second]}[policy]
    eventually(lambda: nightly.slots() == expected)
    assert len(nightly.status().active) == running


def test_a_forbidden_slot_runs_when_the_last_job_has_ended(
    nightly: Nightly, batch: client.BatchV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    nightly.create(cronjob("nightly", image, SLEEPS, concurrencyPolicy="Forbid"))
    nightly.next_minute()
    second = nightly.next_minute()
    (first,) = nightly.jobs()
    batch.delete_namespaced_job(first.metadata.name, namespace, propagation_policy="Background")
    eventually(lambda: nightly.slots() == [second])


def test_a_forbidden_slot_past_its_deadline_does_not(
    nightly: Nightly, batch: client.BatchV1Api, namespace: str, image: str, days: Days | RealTime
) -> None:
    nightly.create(cronjob("nightly", image, SLEEPS, concurrencyPolicy="Forbid", startingDeadlineSeconds=10))
    nightly.next_minute(2)
    (first,) = nightly.jobs()
    days.pass_by(15)
    batch.delete_namespaced_job(first.metadata.name, namespace, propagation_policy="Background")
    nightly.run_until_idle()
    assert nightly.jobs() == []


def test_a_suspended_cronjob_starts_nothing(nightly: Nightly, image: str) -> None:
    nightly.create(cronjob("nightly", image, ("true",), suspend=True))
    nightly.next_minute(2)
    assert nightly.jobs() == []


def test_a_resumed_cronjob_starts_the_latest_missed_slot_only(
    nightly: Nightly, image: str, eventually: Eventually
) -> None:
    nightly.create(cronjob("nightly", image, ("true",), suspend=True))
    latest = nightly.next_minute(2)
    nightly.patch(suspend=False)
    eventually(lambda: nightly.slots() == [latest])


def test_a_cronjob_resumed_after_the_deadline_waits_for_the_next_slot(
    nightly: Nightly, image: str, days: Days | RealTime
) -> None:
    nightly.create(cronjob("nightly", image, ("true",), suspend=True, startingDeadlineSeconds=10))
    nightly.next_minute()
    days.pass_by(15)
    nightly.patch(suspend=False)
    nightly.run_until_idle()
    assert nightly.jobs() == []
    slot = nightly.next_minute()
    assert nightly.slots() == [slot]


@pytest.mark.parametrize("dated", [True, False])
def test_a_slot_before_the_last_firing_does_not_run_later(
    nightly: Nightly, image: str, eventually: Eventually, *, dated: bool
) -> None:
    """An edit of a schedule relies on this: with any further edit the controller looks for slots since that time."""
    nightly.create(cronjob("nightly", image, ("true",), "0 0 1 1 *", startingDeadlineSeconds=100))
    minute = nightly.next_minute()
    if dated:
        nightly.note_last_fired(minute + timedelta(seconds=1))
    nightly.patch(schedule=f"{minute.minute} {minute.hour} * * *")
    nightly.run_until_idle()
    assert nightly.jobs() == []

    nightly.patch(successfulJobsHistoryLimit=7)
    nightly.run_until_idle()

    eventually(lambda: nightly.slots() == ([] if dated else [minute]))


def test_a_new_schedule_counts_from_now_on(nightly: Nightly, days: Days | RealTime, image: str) -> None:
    yesterday = days.now() - timedelta(minutes=10)
    nightly.create(cronjob("nightly", image, ("true",), f"{yesterday.minute} {yesterday.hour} * * *"))
    nightly.run_until_idle()
    nightly.patch(schedule="* * * * *")
    nightly.run_until_idle()
    assert nightly.jobs() == []
    slot = nightly.next_minute()
    assert nightly.slots() == [slot]


@pytest.mark.parametrize(
    ("script", "limits", "left"),
    [("true", {"successfulJobsHistoryLimit": 1}, 1), ("false", {"failedJobsHistoryLimit": 0}, 0)],
)
def test_ended_jobs_beyond_the_history_limits_are_deleted(
    nightly: Nightly, image: str, eventually: Eventually, script: str, limits: Object, left: int
) -> None:
    nightly.create(cronjob("nightly", image, shell(script), **limits))
    slots = []
    for _ in range(2):
        slots.append(nightly.next_minute())
        eventually(nightly.all_ended)
    eventually(lambda: nightly.slots() == slots[len(slots) - left :])


def test_deleting_a_cronjob_deletes_its_jobs_and_their_pods(
    nightly: Nightly,
    batch: client.BatchV1Api,
    core: client.CoreV1Api,
    namespace: str,
    image: str,
    eventually: Eventually,
) -> None:
    nightly.create(cronjob("nightly", image, SLEEPS))
    nightly.next_minute()
    assert len(nightly.jobs()) == 1
    batch.delete_namespaced_cron_job("nightly", namespace)
    eventually(lambda: not nightly.jobs())
    eventually(lambda: not core.list_namespaced_pod(namespace).items)


def test_a_job_of_another_owner_with_the_name_of_a_slot_is_left_alone(
    nightly: Nightly, batch: client.BatchV1Api, days: Days | RealTime, namespace: str, image: str
) -> None:
    slot = days.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    taken = f"nightly-{int(slot.timestamp()) // 60}"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image, "command": ["true"]}]}}
    batch.create_namespaced_job(
        namespace, {"metadata": {"name": taken}, "spec": {"suspend": True, "template": template}}
    )
    nightly.create(cronjob("nightly", image, ("true",)))
    nightly.next_minute()
    (job,) = nightly.jobs()
    assert job.metadata.owner_references is None


def test_after_a_week_off_a_cronjob_starts_the_latest_slot_and_has_an_event(
    nightly: Nightly, days: Days | RealTime, core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    nightly.create(cronjob("nightly", image, ("true",), suspend=True))
    days.pass_by(7 * 24 * 3600)
    nightly.patch(suspend=False)
    eventually(lambda: nightly.slots() == [days.now().replace(second=0, microsecond=0)])

    def reasons() -> set[str]:
        return {one.reason for one in core.list_namespaced_event(namespace).items}

    eventually(lambda: "TooManyMissedTimes" in reasons())


def test_a_job_created_from_a_cronjob_by_hand(
    nightly: Nightly, kubectl: Callable[..., str], image: str, eventually: Eventually
) -> None:
    nightly.create(cronjob("nightly", image, ("echo", "by hand"), suspend=True))
    kubectl("create", "job", "--from=cronjob/nightly", "by-hand")
    eventually(nightly.all_ended)
    assert kubectl("logs", "job/by-hand") == "by hand\n"
