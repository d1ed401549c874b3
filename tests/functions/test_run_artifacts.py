"""A run's artifacts over HTTP: its own Pod stores them, and its organization reads them."""

import gzip
import importlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store
from jobs_api.cluster import Cluster, Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s import pod_template, run_identity
from jobs_api.logs import log_bucket
from jobs_api.logs.artifacts import BundleKey, head_of, stored_bundle
from jobs_api.logs.log_bucket import bucket_client
from jobs_api.model.artifacts import ArtifactFile
from jobs_api.model.run import Run, RunStatus
from jobs_api.store import latest_artifacts
from jobs_api.store.project_rows import LatestArtifactsRow
from jobs_api.store.purging import purge_project
from jobs_api.trigger import earlier_artifacts
from local.gateway.policies import allows
from tests.functions import pods
from tests.functions.acme import Acme, eventually
from tests.functions.people import NOON, Context

ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef/dev/POST/api/v1/runs/{}/artifacts"
POD = "jaffle-nightly-29000000-x7k2p"
FILES = {"files": [{"path": "manifest.json", "size_bytes": 10, "stored_bytes": 7}]}


def authorized(token: str, run_id: str) -> dict[str, Any]:
    handler = importlib.import_module("functions.authorize_pod.app").lambda_handler
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": ARN.format(run_id)}
    answer: dict[str, Any] = handler(event, cast("LambdaContext", Context()))
    return answer


def is_refused(token: str, run_id: str) -> bool:
    try:
        answer = authorized(token, run_id)
    except Exception as error:  # noqa: BLE001 - the gateway reads the text alone
        return str(error) == "Unauthorized"
    return not allows(answer["policyDocument"], ARN.format(run_id))


def with_volumes(acme: Acme, script: str, run_id: str | None, **claims: Any) -> Object:
    """Start a Job whose Pod has a token as a project with artifacts has it, and prints it."""
    job = acme.manifest(script, run_id)
    pod = job["spec"]["template"]["spec"]
    volumes: list[Any] = json.loads(json.dumps(pod_template.VOLUMES))
    volumes[0]["projected"]["sources"][1]["serviceAccountToken"] |= claims
    pod["volumes"], pod["containers"][0]["volumeMounts"] = volumes, pod_template.MOUNTS
    return acme.cluster.create_job(job)


@pytest.fixture
def token(acme: Acme) -> Callable[..., tuple[str, Object]]:
    """Return a function that starts a Pod and returns its token, and its Job."""

    def made(run_id: str | None = None, **claims: Any) -> tuple[str, Object]:
        job = with_volumes(acme, "cat /var/run/jobs-api/token; echo; exec sleep 300", run_id, **claims)
        pod = acme.wait_for_pod(job)
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        return eventually(lambda: acme.cluster.read_log(namespace, name, tail=1).strip() or None), job

    return made


def test_a_pod_may_store_the_artifacts_of_its_own_run_alone(acme: Acme, token: Callable[..., Any]) -> None:
    text, _ = token("run_mine")
    answer = authorized(text, "run_mine")
    assert answer["context"] | {"token_id": "", "pod_name": ""} == {
        "organization_id": acme.organization.id,
        "role": "pod",
        "token_id": "",
        "pod_name": "",
        "run_id": "run_mine",
        "project_id": acme.project.id,
        "job_id": acme.job.id,
    }
    assert allows(answer["policyDocument"], ARN.format("run_mine"))
    assert is_refused(text, "run_other")
    for other in ("GET/api/v1/runs/run_mine/artifacts", "POST/api/v1/runs/run_mine/cancel", "GET/api/v1/projects"):
        assert not allows(answer["policyDocument"], ARN.partition("POST")[0] + other)


def test_a_scheduled_runs_id_follows_from_its_job(acme: Acme, token: Callable[..., Any]) -> None:
    text, _ = token()
    acme.ingest()
    assert authorized(text, "x")["context"]["run_id"] == acme.only_run().id


@pytest.mark.parametrize("audience", ["", "sts.amazonaws.com"])
def test_a_token_for_another_audience_is_refused(token: Callable[..., Any], audience: str) -> None:
    text, _ = token("run_mine", audience=audience)
    assert is_refused(text, "run_mine")


def test_the_token_of_a_pod_that_is_gone_is_refused(acme: Acme, token: Callable[..., Any]) -> None:
    text, job = token("run_mine")
    acme.delete(job)
    assert is_refused(text, "run_mine")


def test_a_pod_may_try_again_when_its_cluster_could_not_be_asked(
    token: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Pod takes 401 as the last word."""
    text, _ = token("run_mine")

    def unreachable(*_: object) -> None:
        raise ClusterUnavailable("it did not answer")

    monkeypatch.setattr(Cluster, "pod_named", unreachable)
    with pytest.raises(ClusterUnavailable):
        authorized(text, "run_mine")


def test_a_token_of_another_cluster_is_refused(token: Callable[..., Any]) -> None:
    from local.cluster.service_accounts import TokenIssuer  # noqa: PLC0415

    text, _ = token("run_mine")
    import base64  # noqa: PLC0415

    claims = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
    stranger = TokenIssuer()
    assert is_refused(stranger.signed({"alg": "RS256", "kid": stranger.key_id}, claims), "run_mine")


def test_a_persons_token_is_denied_and_not_unknown() -> None:
    answer = authorized(f"jat_{'a' * 16}_{'b' * 43}", "run_mine")
    assert not allows(answer["policyDocument"], ARN.format("run_mine"))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "jat_x"])
def test_anything_else_is_unauthorized(text: str) -> None:
    assert is_refused(text, "run_mine")


def said_of(acme: Acme, run_id: str, job_id: str = "", pod: str = POD) -> dict[str, str]:
    """Return what the authorizer says of a Pod of a run."""
    of_run = {"run_id": run_id, "project_id": acme.project.id, "job_id": job_id or acme.job.id}
    return {"organization_id": acme.organization.id, "pod_name": pod, **of_run}


def as_pod(
    acme: Acme, run_id: str, body: Any, *, claimed: str | None = None, job_id: str = "", pod: str = POD
) -> tuple[int, Any]:
    """Call the function as the gateway does after the authorizer."""
    return pods.ask(run_id, said_of(acme, claimed or run_id, job_id, pod), body)


def test_the_upload_form_is_for_one_object_of_the_pod_and_the_run(acme: Acme) -> None:
    status, told = as_pod(acme, "run_mine", FILES)
    assert status == 200, told
    key = f"artifacts/{acme.organization.id}/{acme.project.id}/run_mine/{POD}"
    assert told["upload"]["form"]["key"] == key
    assert as_pod(acme, "run_mine", FILES, pod="other")[1]["upload"]["form"]["key"].endswith("/run_mine/other")


def test_the_token_of_a_pod_names_that_pod(acme: Acme, token: Callable[..., Any]) -> None:
    """So that no Pod of a run gets a form for what another Pod of it stored."""
    text, job = token("run_mine")
    assert authorized(text, "run_mine")["context"]["pod_name"] == acme.wait_for_pod(job)["metadata"]["name"]


def test_the_token_of_a_pod_whose_command_has_ended_is_refused(acme: Acme) -> None:
    """A program that has the token then is not the command, and would replace what an ended run stored."""
    job = acme.wait_for_end(with_volumes(acme, "cat /var/run/jobs-api/token; echo", "run_mine"))
    pod = acme.cluster.pod_of(job)
    assert pod
    text = acme.cluster.read_log(acme.organization.namespace, pod["metadata"]["name"], tail=1).strip()
    assert is_refused(text, "run_mine")


def test_another_run_is_refused_even_where_the_gateway_let_it_pass(acme: Acme) -> None:
    assert as_pod(acme, "run_other", FILES, claimed="run_mine")[0] == 403
    assert acme.alice.call("POST", "/api/v1/runs/run_mine/artifacts", FILES).status == 403


@pytest.mark.parametrize("path", ["../../run_other/files/manifest.json", "..", "a/b"])
def test_a_path_out_of_the_run_is_refused(acme: Acme, path: str) -> None:
    body = {"files": [{"path": path, "size_bytes": 1, "stored_bytes": 1}]}
    status, told = as_pod(acme, "run_mine", body)
    assert (status, told["errors"][0]["field"]) == (422, "files.0.path")


def store_files(run: Run, *paths: str, **contents: bytes) -> None:
    """Store artifacts as the Pod of a run does; `contents` of a JSON file are by its name, and compressed already."""
    stored = {path: gzip.compress(path.encode()) for path in paths} | {
        f"{name}.json": content for name, content in contents.items()
    }
    files = [ArtifactFile(path=path, size_bytes=3, stored_bytes=len(content)) for path, content in stored.items()]
    put_bundle(run, head_of(files).encode() + b"".join(stored.values()))


def put_bundle(run: Run, content: bytes) -> None:
    """Store what the Pod of a run sends in its form."""
    assert run.pod_name
    bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=BundleKey.of(run).key, Body=content)


def before_its_end(acme: Acme, job: Object) -> Run:
    """Return what is known of a run whose command has ended, which no pass has seen."""
    ended_job = acme.wait_for_end(job)
    pod = acme.cluster.pod_of(ended_job)
    assert pod
    known = {"id": run_identity.run_id_of(ended_job), "pod_name": pod["metadata"]["name"]}
    return acme.manual().model_copy(update=known)


def ended(acme: Acme, *paths: str, script: str = "true") -> Run:
    """Return a run that stored these artifacts and whose end a pass has written."""
    run = before_its_end(acme, with_volumes(acme, script, None))
    if paths:
        store_files(run, *paths)
    acme.ingest()
    return store.get_run(acme.organization.id, run.id)


def upload(acme: Acme, run: Run, *names: str, pod: str) -> str:
    """Store files by the form that a Pod of the run gets; return their bundle's key."""
    return pods.upload(run.id, said_of(acme, run.id, pod=pod), dict.fromkeys(names, pod.encode()))


def shown(acme: Acme, run: Run) -> list[str]:
    return [one["path"] for one in acme.alice.call("GET", f"/api/v1/runs/{run.id}/artifacts").json["artifacts"]]


def downloaded(acme: Acme, run: Run, path: str) -> bytes:
    """Return what the link to an artifact leads to."""
    url = acme.alice.call("GET", f"/api/v1/runs/{run.id}/artifacts/{path}").headers["Location"]
    key = urlsplit(url).path.lstrip("/")
    found = bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key[key.index("downloads/") :])
    assert found["ContentEncoding"] == "gzip"
    return gzip.decompress(found["Body"].read())


def test_a_pod_that_dies_before_its_upload_has_stored_nothing(acme: Acme) -> None:
    run = ended(acme)
    assert run.pod_name
    as_pod(acme, run.id, FILES, pod=run.pod_name)

    assert shown(acme, run) == []


def test_an_upload_that_is_repeated_is_the_same(acme: Acme) -> None:
    run = ended(acme)
    assert run.pod_name
    for _ in range(2):
        upload(acme, run, "manifest.json", pod=run.pod_name)

    assert shown(acme, run) == ["manifest.json"]


def test_an_upload_after_the_end_was_written_is_shown_and_not_the_latest(acme: Acme) -> None:
    run = ended(acme)
    assert run.pod_name
    upload(acme, run, "manifest.json", pod=run.pod_name)

    assert shown(acme, run) == ["manifest.json"]
    latest = acme.alice.call("GET", f"/api/v1/projects/{acme.project.id}/artifacts/latest/manifest.json")
    assert latest.status == 404


def test_the_files_of_two_pods_are_those_of_the_pod_whose_end_is_the_runs_end(acme: Acme) -> None:
    run = ended(acme, "manifest.json", "run_results.json")

    left = upload(acme, run, "manifest.json", "sources.json", pod="replaced")

    assert left != BundleKey.of(run).key
    assert shown(acme, run) == ["manifest.json", "run_results.json"]
    assert downloaded(acme, run, "manifest.json") == b"manifest.json"
    assert set(fetched(acme, "state")) == {run.id}
    assert latest(acme, "manifest.json") == run.id
    assert latest(acme, "sources.json") is None


def test_a_run_whose_last_pod_stored_nothing_has_nothing_of_the_pod_before(acme: Acme) -> None:
    run = ended(acme)
    upload(acme, run, "manifest.json", pod="replaced")

    assert shown(acme, run) == []
    assert acme.alice.call("GET", f"/api/v1/runs/{run.id}/artifacts/manifest.json").status == 404
    assert fetched(acme, "previous") == []


@pytest.fixture
def stored(acme: Acme) -> Run:
    """An ended run with two artifacts."""
    return ended(acme, "manifest.json", "index.html")


def test_the_artifacts_of_a_run_are_listed(acme: Acme, stored: Run) -> None:
    told = acme.alice.call("GET", f"/api/v1/runs/{stored.id}/artifacts").json
    assert [one["path"] for one in told["artifacts"]] == ["index.html", "manifest.json"]
    assert told["artifacts"][1] == {"path": "manifest.json", "size_bytes": 3, "content_type": "application/json"}


def test_a_run_without_artifacts_has_an_empty_list(acme: Acme) -> None:
    acme.finish("true")
    acme.ingest()
    assert acme.alice.call("GET", f"/api/v1/runs/{acme.only_run().id}/artifacts").json == {"artifacts": []}


def test_an_artifact_is_a_redirect_to_a_link_of_five_minutes_or_the_link(acme: Acme, stored: Run) -> None:
    path = f"/api/v1/runs/{stored.id}/artifacts/manifest.json"
    redirect = acme.alice.call("GET", path)
    assert redirect.status == 302
    asked = urlsplit(redirect.headers["Location"])
    assert asked.path.endswith(f"/{stored.project_id}/{stored.id}/{stored.pod_name}/manifest.json")
    assert parse_qs(asked.query)["X-Amz-Expires"] == ["300"]
    told = acme.alice.call("GET", path, headers={"Accept": "application/json"}).json
    assert told["expires_at"] == (NOON + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("path", ["catalog.json", "downloads", ".."])
def test_a_file_that_was_not_stored_is_not_found(acme: Acme, stored: Run, path: str) -> None:
    answer = acme.alice.call("GET", f"/api/v1/runs/{stored.id}/artifacts/{path}")
    assert answer.status == 404


def fetched(acme: Acme, which: str, run_id: str = "run_mine", job_id: str = "") -> list[str]:
    status, told = as_pod(acme, run_id, {"fetch": which}, job_id=job_id)
    assert status == 200, told
    return [urlsplit(one["url"]).path.split("/")[-2] for one in told["fetched"]]


def next_second() -> None:
    """Return in another second: by their creation, which a cluster tells in seconds, runs are ordered."""
    before = int(time.time())
    eventually(lambda: int(time.time()) > before or None)


def test_a_command_may_fetch_the_last_success_or_what_its_jobs_last_run_left(acme: Acme, stored: Run) -> None:
    next_second()
    failed = ended(acme, "manifest.json", "run_results.json", script="exit 1")
    next_second()
    ended(acme, "manifest.json", script="exit 2")
    assert set(fetched(acme, "state")) == {stored.id}
    assert set(fetched(acme, "previous")) == {failed.id}


def test_a_job_that_never_succeeded_reads_the_last_success_of_its_project(acme: Acme, stored: Run) -> None:
    assert set(fetched(acme, "state", job_id="job_new")) == {stored.id}
    assert fetched(acme, "previous", job_id="job_new") == []


def test_the_latest_artifact_is_of_the_last_success_that_has_it(acme: Acme, stored: Run) -> None:
    next_second()
    ended(acme, "index.html", "manifest.json", script="exit 1")
    ended(acme, "run_results.json")
    base = f"/api/v1/projects/{acme.project.id}/artifacts/latest"
    told = acme.alice.call("GET", f"{base}/manifest.json", headers={"Accept": "application/json"})
    assert told.json["run_id"] == stored.id, told.text
    assert acme.alice.call("GET", f"{base}/index.html", query={"job_id": acme.job.id}).status == 302
    assert acme.alice.call("GET", f"{base}/index.html", query={"job_id": "job_other"}).status == 404
    missing = acme.alice.call("GET", f"{base}/catalog.json")
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert "No successful run stored" in missing.json["message"]


def test_latest_files_from_before_bundles_do_not_keep_a_run_from_ending(acme: Acme) -> None:
    old = [{"run_id": "run_old", "ended_at": "2026-11-28T12:00:00Z", "paths": ["manifest.json", "sources.json"]}]
    partition = f"{acme.organization.id}/{acme.project.id}/latest"
    for sort in ("project", acme.job.id):
        LatestArtifactsRow(partition, sort, files=old, version=3, expires_at=4_000_000_000).save()
    assert latest(acme, "sources.json") is None

    run = ended(acme, "manifest.json")

    assert run.status is RunStatus.SUCCESS
    assert latest(acme, "manifest.json") == run.id


def latest(acme: Acme, path: str, job_id: str | None = None) -> str | None:
    query = {"job_id": job_id} if job_id else {}
    base = f"/api/v1/projects/{acme.project.id}/artifacts/latest"
    answer = acme.alice.call("GET", f"{base}/{path}", query=query, headers={"Accept": "application/json"})
    assert answer.status in (200, 404), answer.text
    return str(answer.json["run_id"]) if answer.status == 200 else None


def test_a_run_that_ended_before_another_is_not_the_latest_although_it_is_seen_later(acme: Acme) -> None:
    first = acme.manual().model_copy(update={"status": RunStatus.RUNNING, "start_time": acme.now(), "pod_name": POD})
    second = first.model_copy(update={"id": "run_second"})
    for run in (first, second):
        assert store.create_run(run)
        store_files(run, "manifest.json")
    at = acme.now()
    for run, moment in ((second, at), (first, at - timedelta(minutes=1))):
        success = run.model_copy(update={"status": RunStatus.SUCCESS, "end_time": moment, "updated_at": at})
        assert store.advance_run(run, success, files=latest_artifacts.files_of(success, ["manifest.json", "a.json"]))

    assert latest(acme, "manifest.json") == latest(acme, "manifest.json", acme.job.id) == second.id


def test_eight_ends_at_once_are_all_known(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for eight processes, which share no lock.
    monkeypatch.setattr(latest_artifacts, "_one_at_a_time", lambda _: nullcontext())
    monkeypatch.setattr(latest_artifacts, "TRIES", 50)
    at, begun = acme.now(), []
    for number in range(8):
        run = acme.manual().model_copy(update={"id": f"run_{number}", "status": RunStatus.RUNNING, "pod_name": POD})
        assert store.create_run(run)
        store_files(run, "manifest.json", f"own{number}.json")
        begun.append(run)

    def end(run: Run) -> bool:
        moment = at + timedelta(seconds=int(run.id[-1]))
        after = run.model_copy(update={"status": RunStatus.SUCCESS, "end_time": moment, "updated_at": moment})
        files = latest_artifacts.files_of(after, ["manifest.json", f"own{run.id[-1]}.json"])
        return store.advance_run(run, after, files=files)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(end, begun))

    assert latest(acme, "manifest.json") == "run_7"
    assert [latest(acme, f"own{number}.json") for number in range(8)] == [f"run_{number}" for number in range(8)]


def test_an_end_that_another_pass_wrote_first_moves_nothing(acme: Acme) -> None:
    run = acme.manual().model_copy(update={"status": RunStatus.RUNNING, "pod_name": POD})
    assert store.create_run(run)
    store_files(run, "manifest.json")
    failed = run.model_copy(update={"status": RunStatus.FAILED, "end_time": acme.now(), "updated_at": acme.now()})
    assert store.advance_run(run, failed)
    success = failed.model_copy(update={"status": RunStatus.SUCCESS})

    assert not store.advance_run(run, success, files=latest_artifacts.files_of(success, ["manifest.json"]))

    assert latest(acme, "manifest.json") is None


def test_an_artifact_that_is_kept_no_more_is_not_the_latest(acme: Acme, stored: Run) -> None:
    assert stored.end_time
    later = stored.end_time + store.kept_for() + timedelta(minutes=1)
    found = earlier_artifacts.last_success(acme.project, None, "manifest.json", later)
    log_bucket.purge(acme.organization.id)

    assert found is None
    assert latest(acme, "manifest.json") is None


def test_the_list_of_latest_artifacts_is_deleted_with_its_project(acme: Acme, stored: Run) -> None:
    assert latest(acme, "manifest.json") == stored.id

    purge_project(acme.organization.id, acme.project.id)

    assert latest_artifacts.latest_files(acme.organization.id, acme.project.id) == []
    assert latest_artifacts.latest_files(acme.organization.id, acme.project.id, acme.job.id) == []


def test_a_command_reads_the_state_of_the_last_success_with_a_manifest(acme: Acme, stored: Run) -> None:
    next_second()
    ended(acme, "sources.json")

    assert set(fetched(acme, "state")) == {stored.id}


def test_artifacts_are_purged_with_their_organization(acme: Acme, stored: Run) -> None:
    assert downloaded(acme, stored, "manifest.json")
    bystander = stored.model_copy(update={"organization_id": f"{stored.organization_id}-2"})
    store_files(bystander, "manifest.json")

    log_bucket.purge(stored.organization_id)

    assert stored_bundle(BundleKey.of(stored)) is None
    assert stored_bundle(BundleKey.of(bystander))
    assert acme.alice.call("GET", f"/api/v1/runs/{stored.id}/artifacts").json == {"artifacts": []}
    assert acme.alice.call("GET", f"/api/v1/runs/{stored.id}/artifacts/manifest.json").status == 404
