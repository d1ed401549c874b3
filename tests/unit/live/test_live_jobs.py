"""Documents of live Jobs, made from raw Jobs and Pods."""

from dataclasses import replace

import pytest

from jobs_api.ingest import decision
from jobs_api.k8s import job_status, labels
from jobs_api.k8s.job_status import Outcome
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import observe
from jobs_api.live import documents
from jobs_api.live.documents import LiveJob, LiveJobDetail, LiveStatus
from jobs_api.model.run import RunStatus
from tests.objects import TWO, at, complete, ended, failed, job, pod, runs, waits


def outcome(found: Object, its_pod: Object | None) -> Outcome:
    return job_status.outcome(observe(found, its_pod))


def test_a_running_job_reads_as_the_reference_shows_it() -> None:
    shown = LiveJob.of(observe(job(ready=1)), outcome(job(ready=1), pod(runs()))).model_dump(mode="json")

    assert shown.pop("run_id").startswith("run_")
    assert shown == {
        "id": "jaffle-nightly-29622840",
        "project": "jaffle",
        "status": "running",
        "start_time": "2026-04-28T02:00:03Z",
        "job_id": "job_nightly",
        "cronjob_name": "jaffle-nightly",
        "triggered_by": "scheduled",
    }


def test_a_job_without_a_pod_has_started_when_it_was_made() -> None:
    shown = LiveJob.of(observe(job()), outcome(job(), None)).model_dump(mode="json")

    assert (shown["status"], shown["start_time"]) == ("pending", at(0))


def test_a_manual_run_is_linked_by_its_own_id() -> None:
    shown = LiveJob.of(observe(job(run_id="run_manual")), outcome(job(run_id="run_manual"), None))

    assert (shown.run_id, shown.cronjob_name, shown.triggered_by) == ("run_manual", "jaffle-nightly", "manual")


def test_the_details_say_why_a_job_failed() -> None:
    shown = LiveJobDetail.of(observe(failed()), outcome(failed(), pod(ended(137, "OOMKilled")))).model_dump(mode="json")

    assert (shown["status"], shown["reason"], shown["exit_code"]) == ("error", "OOMKilled", 137)
    assert "512Mi" in shown["message"]
    assert (shown["command"], shown["namespace"], shown["pod_name"]) == (
        "dbt build",
        "org-acme",
        "jaffle-nightly-29622840-x7k2p",
    )
    assert (shown["end_time"], shown["duration_seconds"]) == (at(50), 47.0)


def test_no_secret_of_a_command_or_of_a_message_is_shown() -> None:
    found, seen = observe(failed()), outcome(failed(), pod(ended(1)))
    url = "postgres://etl:hunter2secret@db/x"

    detail = LiveJobDetail.of(replace(found, command=f"dbt build --target {url}"), replace(seen, message=f"no {url}"))
    logs = documents.without_logs(found, replace(seen, message=f"no {url}"), 100)

    assert "hunter2secret" not in detail.model_dump_json() + logs.model_dump_json()
    assert (detail.command or "").startswith("dbt build --target postgres://etl:")
    assert (detail.message or "").startswith("no postgres://etl:")


def test_unknown_fields_are_omitted() -> None:
    shown = LiveJobDetail.of(observe(job()), outcome(job(), None)).model_dump(mode="json")

    assert not shown.keys() & {"end_time", "duration_seconds", "pod_name", "exit_code"}


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("app.kubernetes.io/managed-by", "helm"),
        ("jobs-api.dev/deployment", "another"),
        ("jobs-api.dev/organization", "org-globex"),
        ("jobs-api.dev/project-id", ""),
        ("jobs-api.dev/job-id", ""),
    ],
)
def test_only_jobs_with_all_our_labels_are_ours(label: str, value: str) -> None:
    found = job()
    assert documents.is_of_organization(observe(found), "org-acme")

    found["metadata"]["labels"][label] = value

    assert not documents.is_of_organization(observe(found), "org-acme")


@pytest.mark.parametrize("status", LiveStatus)
@pytest.mark.parametrize(
    ("found", "its_pod"),
    [
        (job(), None),
        (job(), pod(waits("ImagePullBackOff"))),
        (job(ready=1), pod(runs())),
        (complete(), None),
        (failed(), pod(ended(1))),
        (failed(), None),
    ],
)
def test_a_job_alone_never_excludes_the_status_that_its_pod_gives_it(
    status: LiveStatus, found: Object, its_pod: Object | None
) -> None:
    actual = LiveJob.of(observe(found), outcome(found, its_pod)).status

    assert documents.may_be(observe(found), actual)
    assert documents.may_be(observe(found), None)
    if found == complete():
        assert documents.may_be(observe(found), status) == (status is LiveStatus.SUCCESS)


def test_a_project_is_selected_by_its_name_however_it_is_written() -> None:
    assert documents.jobs_selector("org-acme", "Jaffle Shop") == documents.jobs_selector("org-acme", "jaffle-shop")
    assert "jobs-api.dev/project=jaffle-shop" in documents.jobs_selector("org-acme", "Jaffle Shop")


def test_the_newest_come_first() -> None:
    made = [
        observe(job() | {"metadata": {**job()["metadata"], "creationTimestamp": at(n), "name": str(n)}})
        for n in (2, 9, 4, 1)
    ]

    assert [one.name for one in documents.newest_jobs(made, 3)] == ["9", "4", "2"]


def test_why_there_is_no_log_yet_is_said_in_kubernetes_words() -> None:
    waiting = documents.without_logs(
        observe(job()), outcome(job(), pod(waits("ImagePullBackOff", "Back-off pulling"))), 100
    )
    starting = documents.without_logs(observe(job()), outcome(job(), pod(waits("ContainerCreating"))), 100)
    gone = documents.without_logs(observe(complete()), outcome(complete(), None), 100)

    assert waiting.message == "ImagePullBackOff: Back-off pulling"
    assert starting.message == "ContainerCreating"
    assert gone.message == "The pod is gone, and its log was not stored"
    assert (waiting.logs, waiting.status) == ("", LiveStatus.PENDING)


def test_the_recorded_run_wins_once_it_has_ended() -> None:
    run = decision.decide(observe(failed(), pod(ended(1), phase="Failed")), None, "org-acme", TWO).run
    assert run

    drained = documents.outcome_of(observe(failed()), run, TWO)

    assert (drained.status, drained.exit_code, drained.duration_seconds) == (RunStatus.FAILED, 1, 47.0)
    assert (drained.reason, drained.message) == (None, "dbt exited with code 1")
    assert drained.pod_name == "jaffle-nightly-29622840-x7k2p"


def test_the_reason_stays_where_record_and_cluster_agree() -> None:
    killed = pod(ended(137, "OOMKilled"), phase="Failed")
    run = decision.decide(observe(failed(), killed), None, "org-acme", TWO).run

    assert documents.outcome_of(observe(failed(), killed), run, TWO).reason == "OOMKilled"
    assert documents.outcome_of(observe(failed()), run, TWO).reason is None


def test_a_reason_of_the_cluster_is_left_out_where_the_record_says_another_status() -> None:
    killed = pod(ended(137, "OOMKilled"), phase="Failed")
    run = decision.decide(observe(failed(), killed), None, "org-acme", TWO).run
    assert run
    cancelled = run.model_copy(update={"status": RunStatus.CANCELLED, "cancel_reason": "wrong day"})

    seen = documents.outcome_of(observe(failed(), killed), cancelled, TWO)

    assert (seen.status, seen.reason) == (RunStatus.CANCELLED, None)
    assert seen.message == "The run was cancelled: wrong day"


def test_the_record_of_a_job_counts_once_kubernetes_or_ingest_has_ended_it() -> None:
    stopped = job(ready=1)
    stopped["metadata"]["annotations"][labels.STOPPED] = "it was cancelled"

    ended_by_now = [documents.may_have_ended(observe(each)) for each in (complete(), failed(), stopped, job(ready=1))]

    assert ended_by_now == [True, True, True, False]


def test_an_open_run_and_another_jobs_run_win_over_nothing() -> None:
    open_run = decision.decide(observe(job(ready=1), pod(runs())), None, "org-acme", TWO).run
    assert open_run
    other = open_run.model_copy(update={"status": RunStatus.ERROR, "job_uid": "another"})

    for run in (None, open_run, other):
        assert documents.outcome_of(observe(complete()), run, TWO).status is RunStatus.SUCCESS
