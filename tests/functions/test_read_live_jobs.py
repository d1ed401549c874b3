"""GET /jobs, /jobs/{id} and /jobs/{id}/logs against a cluster with real processes."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api.cluster import Object, lists
from jobs_api.ids import new_id
from jobs_api.k8s import labels
from jobs_api.live import queries as live
from jobs_api.logs import log_bucket
from jobs_api.model.answer_size import ANSWER_BYTES
from tests.functions.acme import Acme
from tests.functions.people import Person
from tests.functions.refusals import Refuse


def listed(person: Person, **query: str) -> dict[str, Any]:
    answer = person.call("GET", "/api/v1/jobs", query=query)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def names_in(found: dict[str, Any]) -> set[str]:
    return {job["id"] for job in found["jobs"]}


def delete_pod(acme: Acme, job: Object) -> Object:
    pod = acme.cluster.pod_of(job)
    assert pod
    acme.write("DELETE", f"/api/v1/namespaces/{acme.organization.id}/pods/{pod['metadata']['name']}", {})
    return pod


def test_a_running_job_is_listed_shown_and_its_log_read_while_it_runs(acme: Acme) -> None:
    job = acme.start("echo one; echo two; exec sleep 300")
    pod = acme.wait_for_pod(job)
    name = job["metadata"]["name"]

    (shown,) = listed(acme.alice)["jobs"]
    assert (shown["id"], shown["project"], shown["status"]) == (name, "jaffle", "running")
    detail = acme.alice.call("GET", f"/api/v1/jobs/{name}").json
    assert detail.items() >= shown.items()
    assert (detail["command"], detail["pod_name"]) == ("dbt build", pod["metadata"]["name"])
    logs = acme.alice.call("GET", f"/api/v1/jobs/{name}/logs").json
    assert logs == {
        "job_name": name,
        "pod_name": pod["metadata"]["name"],
        "logs": "one\ntwo\n",
        "tail": 100,
        "status": "running",
    }


def test_only_as_many_lines_as_asked_for_come_back(acme: Acme) -> None:
    job = acme.finish("seq 1 300")
    path = f"/api/v1/jobs/{job['metadata']['name']}/logs"

    assert acme.alice.call("GET", path).json["logs"].split() == [str(n) for n in range(201, 301)]
    assert acme.alice.call("GET", path, query={"tail": "2"}).json["logs"] == "299\n300\n"
    assert acme.alice.call("GET", path, query={"tail": "10000"}).json["logs"].startswith("1\n2\n")


@pytest.mark.parametrize("tail", ["0", "-1", "10001", "ten", "1.5", ""])
def test_a_tail_that_is_no_count_of_lines_is_refused(alice: Person, tail: str) -> None:
    answer = alice.call("GET", "/api/v1/jobs/any/logs", query={"tail": tail})

    assert (answer.status, answer.faulty_fields) == (422, ["tail"])


def test_with_more_jobs_than_one_call_reads_a_part_is_shown_as_truncated(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    monkeypatch.setattr(live, "MOST_PAGES", 2)
    for _ in range(4):
        acme.start("true", suspend=True)
    whole = listed(acme.alice)
    acme.start("true", suspend=True)
    part = listed(acme.alice)

    assert (whole["total"], "truncated" in whole) == (4, False)
    assert (part["total"], len(part["jobs"]), part["truncated"]) == (4, 4, True)


def test_a_log_with_long_lines_is_cut_to_its_last_mebibyte(acme: Acme) -> None:
    job = acme.finish("for i in 1 2 3; do head -c 800000 /dev/zero | tr '\\0' $i; echo; done")

    answer = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs")

    assert len(answer.json["logs"]) == 1024 * 1024
    assert answer.json["logs"].endswith("3" * 800_000 + "\n")


def test_the_bare_text_comes_for_who_accepts_only_that(acme: Acme) -> None:
    job = acme.finish("echo one")
    acme.ingest()
    live, kept = f"/api/v1/jobs/{job['metadata']['name']}/logs", f"/api/v1/runs/{acme.only_run().id}/logs"

    for path in (live, kept):
        text = acme.alice.call("GET", path, headers={"Accept": "text/plain"})
        assert (text.status, text.text) == (200, "one\n")
        assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
        for accept in ("*/*", "application/json", "application/json, text/plain, */*"):
            assert acme.alice.call("GET", path, headers={"Accept": accept}).json["logs"] == "one\n"


def test_a_job_that_waits_for_its_image_says_so_where_its_log_would_be(acme: Acme) -> None:
    job = acme.start("echo hello", image="nonesuch")
    acme.wait_for_pod(job, reason="ImagePullBackOff")

    found = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json

    assert (found["logs"], found["status"]) == ("", "pending")
    assert found["message"].startswith("ImagePullBackOff: ")
    assert names_in(listed(acme.alice, status="pending")) == {job["metadata"]["name"]}


def test_the_stored_log_is_shown_after_the_pod_is_deleted(acme: Acme) -> None:
    job = acme.finish("echo one; echo two")
    path = f"/api/v1/jobs/{job['metadata']['name']}/logs"
    acme.ingest()
    pod = delete_pod(acme, job)

    found = acme.alice.call("GET", path, query={"tail": "1"}).json

    assert (found["logs"], found["status"], found["pod_name"]) == ("two\n", "success", pod["metadata"]["name"])


def test_a_pod_deleted_before_its_log_was_stored_leaves_a_message(acme: Acme) -> None:
    job = acme.finish("echo one")
    delete_pod(acme, job)

    found = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json

    assert (found["logs"], found["message"]) == ("", "The pod is gone, and its log was not stored")


def test_a_log_that_was_removed_leaves_the_same_message(acme: Acme) -> None:
    job = acme.finish("echo one")
    acme.ingest()
    delete_pod(acme, job)
    log_bucket.purge(acme.organization.id)

    found = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json

    assert (found["logs"], found["message"]) == ("", "The pod is gone, and its log was not stored")


def test_a_pod_that_is_removed_just_before_it_is_read_leaves_its_stored_log(acme: Acme, refuse: Refuse) -> None:
    job = acme.finish("echo one")
    acme.ingest()
    refuse("GET", "/log", status=404)

    found = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json

    assert (found["logs"], found["status"]) == ("one\n", "success")


def test_the_log_of_an_earlier_job_of_the_run_is_not_shown(acme: Acme) -> None:
    run_id = new_id("run_")
    earlier = acme.finish("echo one", run_id)
    acme.ingest()
    acme.delete(earlier)
    job = acme.finish("echo two", run_id)
    delete_pod(acme, job)

    found = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json

    assert found["logs"] == ""


def test_a_log_that_grows_as_json_is_cut_to_what_an_answer_holds(acme: Acme) -> None:
    job = acme.finish("head -c 1048576 /dev/zero | tr '\\0' '\\1'; echo; echo end")

    answer = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs")

    assert answer.json["logs"].endswith("\nend\n")
    assert len(answer.text) < ANSWER_BYTES + 1000


def test_jobs_are_found_by_their_status(acme: Acme) -> None:
    good, bad = acme.finish("true")["metadata"]["name"], acme.finish("exit 3")["metadata"]["name"]
    late = acme.finish("exec sleep 300", activeDeadlineSeconds=1)["metadata"]["name"]
    running = acme.start("exec sleep 300")
    acme.wait_for_pod(running)

    assert names_in(listed(acme.alice, status="success")) == {good}
    assert names_in(listed(acme.alice, status="failed")) == {bad}
    assert names_in(listed(acme.alice, status="error")) == {late}
    assert names_in(listed(acme.alice, status="running")) == {running["metadata"]["name"]}
    assert listed(acme.alice, status="pending") == {"jobs": [], "total": 0}
    assert listed(acme.alice)["total"] == 4


def test_the_total_counts_beyond_the_limit_and_the_newest_come_first(acme: Acme) -> None:
    made = [acme.start("true", suspend=True)["metadata"] for _ in range(3)]
    newest = sorted(made, key=lambda one: (one["creationTimestamp"], one["name"]), reverse=True)

    found = listed(acme.alice, limit="2")

    assert [job["id"] for job in found["jobs"]] == [one["name"] for one in newest[:2]]
    assert found["total"] == 3


def test_jobs_are_found_by_the_name_of_their_project(acme: Acme) -> None:
    job = acme.start("true", suspend=True)

    assert names_in(listed(acme.alice, project="Jaffle")) == {job["metadata"]["name"]}
    assert listed(acme.alice, project="analytics")["total"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "done"), ("status", "Running"), ("limit", "0"), ("limit", "501"), ("limit", "many")],
)
def test_a_query_that_makes_no_sense_is_refused(alice: Person, name: str, value: str) -> None:
    answer = alice.call("GET", "/api/v1/jobs", query={name: value})

    assert (answer.status, answer.json["code"], answer.faulty_fields) == (422, "invalid_request", [name])


def test_jobs_of_other_programs_are_not_shown(acme: Acme) -> None:
    foreign = acme.manifest("true", suspend=True)
    del foreign["metadata"]["labels"][labels.MANAGED_BY]
    acme.cluster.create_job(foreign)

    assert listed(acme.alice)["total"] == 0
    for path in ("", "/logs"):
        answer = acme.alice.call("GET", f"/api/v1/jobs/{foreign['metadata']['name']}{path}")
        assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_a_stranger_sees_none_of_it(acme: Acme, charlie: Person) -> None:
    job = acme.finish("echo secret")
    acme.ingest()
    name, run = job["metadata"]["name"], acme.only_run()

    assert listed(charlie) == {"jobs": [], "total": 0}
    for path in (f"/api/v1/jobs/{name}", f"/api/v1/jobs/{name}/logs", f"/api/v1/runs/{run.id}/logs"):
        assert charlie.call("GET", path).status == 404


def test_a_name_that_no_job_has_is_not_found(acme: Acme) -> None:
    for name in ("none", "No_Name", "..", "a" * 64, "a.b", "%2e%2e", "a%2fb", "a b"):
        for path in (f"/api/v1/jobs/{name}", f"/api/v1/jobs/{name}/logs"):
            answer = acme.alice.call("GET", path)
            assert (answer.status, answer.json["code"]) == (404, "not_found"), path


@pytest.mark.parametrize("status", [403, 503])
def test_a_cluster_that_cannot_be_read_is_a_503_without_internals(acme: Acme, refuse: Refuse, status: int) -> None:
    refuse("GET", "/jobs", status=status, message='User "arn:aws:iam::1:role/x" cannot list')

    for path in ("/api/v1/jobs", "/api/v1/jobs/any", "/api/v1/jobs/any/logs"):
        answer = acme.alice.call("GET", path)

        assert (answer.status, answer.json["code"]) == (503, "cluster_unavailable")
        assert answer.headers["Retry-After"]
        assert "arn:" not in answer.text


def test_a_run_that_never_started_has_an_empty_log(acme: Acme) -> None:
    job = acme.start("echo hello", image="nonesuch")
    acme.wait_for_pod(job, reason="ImagePullBackOff")
    acme.skipped = timedelta(seconds=90)
    acme.ingest()

    answer = acme.alice.call("GET", f"/api/v1/runs/{acme.only_run().id}/logs")

    assert answer.json == {
        "run_id": acme.only_run().id,
        "job_name": job["metadata"]["name"],
        "logs": "",
        "size_bytes": 0,
        "truncated": False,
    }


def test_there_are_no_logs_of_a_run_that_does_not_exist(acme: Acme) -> None:
    assert acme.alice.call("GET", "/api/v1/runs/run_none/logs").status == 404
