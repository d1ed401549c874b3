"""Objects over the API: create, read, change and delete them, and the errors."""

import json
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.manifests import config_map, cron_job, refused, suspended_job


def test_it_works(batch: client.BatchV1Api, namespace: str) -> None:
    made = batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    assert (made.metadata.name, made.metadata.namespace, made.metadata.generation) == ("nightly", namespace, 1)
    assert made.metadata.uid
    assert made.metadata.creation_timestamp
    read = batch.read_namespaced_cron_job("nightly", namespace)
    assert read.spec.schedule == "0 0 1 1 *"
    batch.delete_namespaced_cron_job("nightly", namespace)
    assert refused(lambda: batch.read_namespaced_cron_job("nightly", namespace)).status == 404


def test_missing_fields_get_defaults(batch: client.BatchV1Api, namespace: str) -> None:
    spec = batch.create_namespaced_cron_job(namespace, cron_job("nightly")).spec
    assert (spec.concurrency_policy, spec.suspend) == ("Allow", False)
    assert (spec.successful_jobs_history_limit, spec.failed_jobs_history_limit) == (3, 1)
    pod = spec.job_template.spec.template.spec
    assert (pod.dns_policy, pod.scheduler_name, pod.termination_grace_period_seconds) == (
        "ClusterFirst",
        "default-scheduler",
        30,
    )
    assert pod.containers[0].image_pull_policy == "Always"
    assert pod.containers[0].termination_message_path == "/dev/termination-log"


def test_a_job_gets_a_selector_of_its_own(batch: client.BatchV1Api, namespace: str) -> None:
    job = batch.create_namespaced_job(namespace, suspended_job("once"))
    assert job.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": job.metadata.uid}
    assert job.spec.template.metadata.labels["batch.kubernetes.io/job-name"] == "once"
    assert (job.spec.backoff_limit, job.spec.completions, job.spec.parallelism) == (6, 1, 1)


def test_a_name_can_be_left_to_the_server(core: client.CoreV1Api, namespace: str) -> None:
    made = [
        core.create_namespaced_config_map(namespace, {"metadata": {"generateName": "note-"}}).metadata.name
        for _ in range(2)
    ]
    assert all(name.startswith("note-") and len(name) == len("note-") + 5 for name in made)
    assert len(set(made)) == 2


def test_a_missing_object_is_not_found(batch: client.BatchV1Api, namespace: str) -> None:
    error = refused(lambda: batch.read_namespaced_cron_job("nope", namespace))
    assert json.loads(error.body) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'cronjobs.batch "nope" not found',
        "reason": "NotFound",
        "details": {"name": "nope", "group": "batch", "kind": "cronjobs"},
        "code": 404,
    }


def test_nothing_is_made_in_a_namespace_that_does_not_exist(batch: client.BatchV1Api) -> None:
    error = refused(lambda: batch.create_namespaced_cron_job("no-such-namespace", cron_job("nightly")))
    assert (error.status, json.loads(error.body)["message"]) == (404, 'namespaces "no-such-namespace" not found')


def test_a_name_is_taken_once(batch: client.BatchV1Api, namespace: str) -> None:
    batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    error = refused(lambda: batch.create_namespaced_cron_job(namespace, cron_job("nightly")))
    body = json.loads(error.body)
    assert (error.status, body["reason"]) == (409, "AlreadyExists")
    assert body["message"] == 'cronjobs.batch "nightly" already exists'


def test_a_write_from_an_old_version_is_a_conflict(batch: client.BatchV1Api, namespace: str) -> None:
    mine = batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    theirs = batch.read_namespaced_cron_job("nightly", namespace)
    theirs.spec.suspend = True
    batch.replace_namespaced_cron_job("nightly", namespace, theirs)
    mine.spec.schedule = "0 1 * * *"
    error = refused(lambda: batch.replace_namespaced_cron_job("nightly", namespace, mine))
    body = json.loads(error.body)
    assert (error.status, body["reason"], body["details"]) == (
        409,
        "Conflict",
        {"name": "nightly", "group": "batch", "kind": "cronjobs"},
    )
    assert body["message"] == (
        'Operation cannot be fulfilled on cronjobs.batch "nightly": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_writing_what_is_there_already_changes_no_version(batch: client.BatchV1Api, namespace: str) -> None:
    made = batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    again = batch.replace_namespaced_cron_job("nightly", namespace, made)
    assert again.metadata.resource_version == made.metadata.resource_version


def test_only_a_change_of_the_spec_is_a_new_generation(batch: client.BatchV1Api, namespace: str) -> None:
    batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    labelled = batch.patch_namespaced_cron_job("nightly", namespace, {"metadata": {"labels": {"a": "b"}}})
    suspended = batch.patch_namespaced_cron_job("nightly", namespace, {"spec": {"suspend": True}})
    assert (labelled.metadata.generation, suspended.metadata.generation) == (1, 2)


def test_a_status_is_written_apart_from_the_rest(batch: client.BatchV1Api, namespace: str) -> None:
    made = batch.create_namespaced_cron_job(namespace, {**cron_job("nightly"), "status": {"lastScheduleTime": TIME}})
    assert made.status.last_schedule_time is None
    change = {"status": {"lastScheduleTime": TIME}, "spec": {"schedule": "1 1 1 1 1"}}
    batch.patch_namespaced_cron_job_status("nightly", namespace, change)
    read = batch.read_namespaced_cron_job("nightly", namespace)
    assert read.status.last_schedule_time is not None
    assert read.spec.schedule == "0 0 1 1 *"


TIME = "2026-01-15T10:00:00Z"


def test_a_dry_run_checks_everything_and_stores_nothing(batch: client.BatchV1Api, namespace: str) -> None:
    tried = batch.create_namespaced_cron_job(namespace, cron_job("nightly"), dry_run="All")
    assert tried.metadata.uid
    assert refused(lambda: batch.read_namespaced_cron_job("nightly", namespace)).status == 404
    bad = refused(lambda: batch.create_namespaced_cron_job(namespace, cron_job("nightly", "bad"), dry_run="All"))
    assert bad.status == 422
    batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    changed = batch.patch_namespaced_cron_job("nightly", namespace, {"spec": {"suspend": True}}, dry_run="All")
    assert changed.spec.suspend is True
    assert batch.read_namespaced_cron_job("nightly", namespace).spec.suspend is False
    taken = refused(lambda: batch.create_namespaced_cron_job(namespace, cron_job("nightly"), dry_run="All"))
    assert taken.status == 409


def test_every_broken_rule_is_a_cause(batch: client.BatchV1Api, namespace: str) -> None:
    broken = cron_job("nightly", "61 * * * *")
    broken["spec"]["timeZone"] = "Mars/Olympus"
    error = refused(lambda: batch.create_namespaced_cron_job(namespace, broken))
    body = json.loads(error.body)
    assert (error.status, body["reason"], body["details"]["kind"]) == (422, "Invalid", "CronJob")
    assert body["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: "61 * * * *": end of range (61) above maximum (59): 61',
            "field": "spec.schedule",
        },
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus',
            "field": "spec.timeZone",
        },
    ]


def test_a_jobs_template_never_changes(batch: client.BatchV1Api, namespace: str) -> None:
    job = batch.create_namespaced_job(namespace, suspended_job("once"))
    job.spec.template.spec.containers[0].image = "another"
    job.spec.completions = 5
    job.metadata.resource_version = None  # its controller may have written in between
    error = refused(lambda: batch.replace_namespaced_job("once", namespace, job))
    fields = {cause["field"] for cause in json.loads(error.body)["details"]["causes"]}
    assert error.status == 422
    assert {"spec.completions", "spec.template"} <= fields


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"metadata": {"name": "other", "namespace": "elsewhere"}}, 400),
        ({"apiVersion": "batch/v2", "metadata": {"name": "x"}}, 400),
        ({"kind": "CronJob", "metadata": {"name": "x"}}, 400),
        ({"metadata": {"name": 5}}, 400),
        ({"metadata": {}}, 422),
    ],
)
def test_a_body_that_does_not_fit_its_url(
    core: client.CoreV1Api, namespace: str, body: dict[str, Any], status: int
) -> None:
    assert refused(lambda: core.create_namespaced_config_map(namespace, body)).status == status


def test_a_field_that_nobody_knows_is_warned_of_or_refused(core: client.CoreV1Api, namespace: str) -> None:
    typo = {**config_map("note"), "dataa": {"a": "b"}}
    _, _, headers = core.create_namespaced_config_map_with_http_info(namespace, typo)
    assert 'unknown field \\"dataa\\"' in headers["Warning"]
    error = refused(lambda: core.create_namespaced_config_map(namespace, typo, field_validation="Strict"))
    assert (error.status, json.loads(error.body)["message"]) == (
        400,
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dataa"',
    )


def test_a_deletion_can_insist_on_what_it_deletes(core: client.CoreV1Api, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, config_map("note"))
    other = {"preconditions": {"uid": "11111111-2222-3333-4444-555555555555"}}
    error = refused(lambda: core.delete_namespaced_config_map("note", namespace, body=other))
    assert error.status == 409
    assert "Precondition failed: UID in precondition" in json.loads(error.body)["message"]
    same = {"preconditions": {"uid": made.metadata.uid, "resourceVersion": made.metadata.resource_version}}
    core.delete_namespaced_config_map("note", namespace, body=same)


def test_a_deletion_says_what_is_gone(batch: client.BatchV1Api, namespace: str) -> None:
    made = batch.create_namespaced_cron_job(namespace, cron_job("nightly"))
    gone = batch.delete_namespaced_cron_job("nightly", namespace)
    assert (gone.status, gone.details.name, gone.details.uid) == ("Success", "nightly", made.metadata.uid)


def test_without_a_token_the_answer_is_401_without_details(api: client.ApiClient, namespace: str) -> None:
    stranger = client.Configuration()
    stranger.host, stranger.ssl_ca_cert = api.configuration.host, api.configuration.ssl_ca_cert
    stranger.api_key = {"authorization": "Bearer made-up"}
    with client.ApiClient(stranger) as other:
        error = refused(lambda: client.BatchV1Api(other).list_namespaced_cron_job(namespace))
    body = json.loads(error.body)
    assert (error.status, body["reason"], body["kind"]) == (401, "Unauthorized", "Status")
