"""Any Job, Pod and Events that an API server can send are read, and decided, without an error."""

import copy
import json
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api.ingest import decision, giving_up
from jobs_api.k8s import job_secrets, job_stop, labels, pod_logs, pod_status, run_identity
from jobs_api.k8s.containers import Kind
from jobs_api.k8s.job_status import outcome
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import Observed, observe
from jobs_api.k8s.observed_pod import observe_pod
from jobs_api.live import documents
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from tests.objects import TWO, UID, at, beside, complete, ended, event, failed, job, pod, runs, waits

PENDING, RUNNING, SUCCESS, FAILED, ERROR, _ = RunStatus
ACME = "org-acme"
MOST_SECONDS = 2**63 - 1


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    """Draw an object of which each field may be missing or null."""
    return st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in fields.items()})


TIMES = st.sampled_from(
    [at(0), at(40), at(90_000), "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "tomorrow", ""]
) | st.datetimes().map(lambda one: one.isoformat() + "Z")
REASONS = st.sampled_from(
    ["", "Error", "OOMKilled", "StartError", "Unknown", "Evicted", "DeadlineExceeded", "x" * 2000]
)
WAITS = st.sampled_from(["ErrImagePull", "ContainerCreating", "CrashLoopBackOff", "CreateContainerConfigError", ""])
CODES = st.sampled_from([0, 1, 137, 143, 255, -1, 2**31 - 1])
SECONDS = st.sampled_from([0, 1, 600, MOST_SECONDS])
WORDS = st.sampled_from(["", "no such image", "\x00", "é" * 600])
TERMINATED = some(exitCode=CODES, reason=REASONS, message=WORDS, startedAt=TIMES, finishedAt=TIMES, containerID=WORDS)
STATES = some(waiting=some(reason=WAITS, message=WORDS), running=some(startedAt=TIMES), terminated=TERMINATED)
NAMES = st.sampled_from(["job", "proxy", "fetch-keys", "debugger"])
STATUSES = st.lists(some(name=NAMES, state=STATES, lastState=STATES, restartCount=CODES, containerID=WORDS), max_size=3)
LIMITS = some(limits=some(memory=st.sampled_from(["512Mi", "1G"])))
SPECS = st.lists(some(name=NAMES, image=WORDS, restartPolicy=st.sampled_from(["Always", "Never"]), resources=LIMITS))
KINDS = ["Complete", "Failed", "Suspended", "DisruptionTarget", "PodScheduled", "PodReadyToStartContainers", "New"]
CONDITIONS = st.lists(
    some(
        type=st.sampled_from(KINDS),
        status=st.sampled_from(["True", "False", "Unknown"]),
        reason=REASONS | st.just("TerminationByKubelet"),
        message=WORDS,
        lastTransitionTime=TIMES,
    ),
    max_size=4,
)
PODS = some(
    metadata=some(name=WORDS, uid=WORDS, deletionTimestamp=TIMES, deletionGracePeriodSeconds=SECONDS),
    spec=some(
        containers=SPECS,
        initContainers=SPECS,
        ephemeralContainers=SPECS,
        activeDeadlineSeconds=SECONDS,
        terminationGracePeriodSeconds=SECONDS,
    ),
    status=some(
        phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown", "Hibernating"]),
        reason=REASONS,
        message=WORDS,
        startTime=TIMES,
        conditions=CONDITIONS,
        containerStatuses=STATUSES,
        initContainerStatuses=STATUSES,
        ephemeralContainerStatuses=STATUSES,
    ),
)
ANNOTATIONS = some(
    **{
        run_identity.SCHEDULED_FOR: TIMES,
        labels.COMMAND: st.sampled_from(["dbt build", "", "'", "x" * 9000]),
        labels.STOPPED: st.sampled_from(["", ": ", "ErrImagePull: none"]),
        labels.COMMAND_END: st.sampled_from(["[" * 9000, '{"exitCode": 1e400}', '{"exitCode": true}'])
        | st.builds(lambda code, time: json.dumps({"exitCode": code, "finishedAt": time}), CODES, TIMES),
    }
)
JOBS = some(
    metadata=some(
        name=WORDS,
        uid=WORDS,
        creationTimestamp=TIMES,
        labels=some(**{labels.RUN_ID: st.just("run_x"), labels.JOB_ID: st.just("job_x")}),
        annotations=ANNOTATIONS,
        ownerReferences=st.lists(some(kind=st.just("CronJob"), name=WORDS)),
    ),
    spec=some(
        activeDeadlineSeconds=SECONDS,
        suspend=st.booleans(),
        template=some(spec=some(containers=SPECS)),
    ),
    status=some(
        startTime=TIMES,
        completionTime=TIMES,
        active=st.integers(0, 2),
        ready=st.integers(0, 2),
        conditions=CONDITIONS,
    ),
)
EVENTS = st.lists(
    some(
        type=st.sampled_from(["Warning", "Normal"]),
        reason=st.sampled_from(["FailedCreate", ""]),
        message=WORDS,
        note=WORDS,
        lastTimestamp=TIMES,
        series=some(lastObservedTime=TIMES),
    ),
    max_size=3,
)
# No API server of today sends these, but a field may still change its kind.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
WHOLE = [
    (complete(), pod(ended(0), phase="Succeeded")),
    (failed(), beside(pod(ended(3), phase="Failed", conditions=[]), "fetch-keys", ended(1), init=True)),
    (job(ready=1), beside(pod(runs()), "proxy", waits("CrashLoopBackOff"), sidecar=True)),
]


def a_run(status: RunStatus) -> Run:
    run = decision.decide(observe(job()), None, ACME, TWO).run
    assert run
    return run.model_copy(update={"status": status})


def act_on(observed: Observed, raw: Object) -> None:
    """Take every decision that ingest and the live calls take."""
    for run in (None, *(a_run(status).model_copy(update={"job_uid": observed.uid}) for status in RunStatus)):
        for now in (TWO, TWO + timedelta(days=2)):
            decision.wants_pod(observed, run, now)
            decision.is_forgotten(observed, timedelta(days=30), now)
            giving_up.wants_events_of(observed, run, now)
            decided = decision.decide(observed, run, ACME, now)
            if decided.stop:
                json.dumps(job_stop.stopped(raw, decided.stop))
            seen = documents.outcome_of(observed, run, now)
            documents.without_logs(observed, seen, 100)
            if observed.created_at:
                documents.LiveJobDetail.of(observed, seen)
            if observed.pod:
                documents.read_logs(observed, observed.pod, seen, "text", 100)
                pod_logs.why_incomplete(None, at(40), 5, observed.pod)
    documents.is_of_organization(observed, ACME)
    documents.newest_jobs([observed, observed], 1)
    job_secrets.secrets_of(raw)


@pytest.mark.slow
@settings(deadline=None)
@given(raw=JOBS, its_pod=st.none() | PODS, events=EVENTS)
def test_any_answer_of_an_api_server_is_read_and_decided(
    raw: Object, its_pod: Object | None, events: list[Object]
) -> None:
    observed = observe(raw, its_pod, events)

    act_on(observed, raw)
    assert observe(copy.deepcopy(raw), copy.deepcopy(its_pod), events) == observed
    assert observe(raw).with_pod(its_pod).with_warnings(events) == observed


def replaced(found: Any, path: list[int], by: object) -> Any:
    """Return a copy of a JSON value in which the value at some path is replaced."""
    if not path or not isinstance(found, dict | list) or not found:
        return by
    if isinstance(found, list):
        place = path[0] % len(found)
        return [*found[:place], replaced(found[place], path[1:], by), *found[place + 1 :]]
    key = sorted(found)[path[0] % len(found)]
    return {**found, key: replaced(found[key], path[1:], by)}


@pytest.mark.slow
@settings(deadline=None)
@given(st.sampled_from(WHOLE), st.lists(st.integers(0, 20), min_size=1, max_size=8), JSON, st.booleans())
def test_a_field_of_another_kind_counts_as_not_said(
    whole: tuple[Object, Object],
    path: list[int],
    by: object,
    in_job: bool,  # noqa: FBT001 - drawn
) -> None:
    raw, its_pod = whole
    if in_job:
        raw = replaced(raw, path, by)
    else:
        its_pod = replaced(its_pod, path, by)

    act_on(observe(raw, its_pod), raw)


def test_an_observation_says_what_job_and_pod_say() -> None:
    seen = observe(complete(754), beside(pod(ended(0, seconds=750), phase="Succeeded"), "proxy", runs(), sidecar=True))

    assert (seen.name, seen.uid, seen.namespace, seen.run_id) == (
        "jaffle-nightly-29622840",
        UID,
        ACME,
        run_identity.run_id_of(job()),
    )
    assert (seen.project_id, seen.job_id, seen.cronjob_name) == ("proj_jaffle", "job_nightly", "jaffle-nightly")
    assert (seen.triggered_by, seen.slot, seen.command, seen.job_type) == (
        TriggeredBy.SCHEDULED,
        TWO,
        "dbt build",
        "build",
    )
    assert (seen.created_at, seen.started_at, seen.ended_at) == (TWO, TWO, datetime.fromisoformat(at(754)))
    assert (seen.finished, seen.complete, seen.failed, seen.suspended, seen.image) == (
        True,
        True,
        False,
        False,
        "dbt:1.10",
    )
    assert seen.pod
    assert (seen.pod.name, seen.pod.phase, seen.pod.has_run) == ("jaffle-nightly-29622840-x7k2p", "Succeeded", True)
    assert seen.pod.ended
    assert (seen.pod.ended.exit_code, seen.pod.ended.reason) == (0, "Completed")
    assert [(one.name, one.kind, one.running) for one in seen.pod.others] == [("proxy", Kind.SIDECAR, True)]


def test_an_observation_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        observe(job()).name = "another"  # type: ignore[misc]


def test_a_job_that_was_stripped_to_nothing_waits_for_a_pod() -> None:
    seen = outcome(observe({}, {}))

    assert (seen.status, seen.reason, seen.pod_name) == (PENDING, "Pending", None)


def test_a_phase_that_nobody_knows_yet_is_no_end() -> None:
    strange = observe(job(active=1), pod(runs(), phase="Hibernating"))

    assert outcome(strange).status is RUNNING
    assert decision.decide(strange, a_run(RUNNING), ACME, TWO) == decision.NO_CHANGE


def test_a_debugger_that_somebody_puts_into_a_pod_says_nothing_about_the_run() -> None:
    found = pod(ended(0), phase="Running")
    found["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": "busybox"}]
    found["status"]["ephemeralContainerStatuses"] = [{"name": "debugger", "state": runs()}]

    assert not pod_status.stays(observe_pod(found))
    assert observe_pod(found) == observe_pod(pod(ended(0), phase="Running"))


def test_a_command_that_waits_for_its_restart_says_how_it_had_ended() -> None:
    found = pod(waits("CrashLoopBackOff", "back-off 40s"))
    found["status"]["containerStatuses"][0] |= {"lastState": ended(3), "restartCount": 4}

    command = observe_pod(found).command

    assert command.last_ended
    assert (command.ended, command.last_ended.exit_code, command.has_run) == (None, 3, False)
    assert outcome(observe(job(active=1), found)).reason == "CrashLoopBackOff"


def test_a_deadline_beyond_the_calendar_never_comes() -> None:
    patched = job(active=1)
    patched["spec"]["activeDeadlineSeconds"] = MOST_SECONDS
    patched["metadata"]["annotations"][run_identity.SCHEDULED_FOR] = "when it suits"

    seen = observe(patched)

    assert seen.slot is None
    assert not giving_up.has_outlived(seen, TWO + timedelta(days=1000))


def test_a_time_at_the_end_of_the_calendar_counts_as_none() -> None:
    found = job(active=1, startTime="9999-12-31T23:59:59Z")

    assert observe(found).started_at is None
    act_on(observe(found, pod(waits("ErrImagePull"), startTime="9999-12-31T23:59:59-12:00")), found)


def test_a_time_without_a_zone_is_utc() -> None:
    found = event("FailedCreate", "x")
    found["lastTimestamp"] = at(9).removesuffix("Z")

    assert observe(job(), None, [found]).warnings[0].occurred_at == datetime.fromisoformat(at(9))
