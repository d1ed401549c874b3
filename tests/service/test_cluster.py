"""The cluster client over HTTPS with the embedded cluster, and its errors for faulty answers."""

import asyncio
import importlib
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
import urllib3
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, SSLError

from jobs_api import cluster as clusters
from jobs_api.cluster import (
    AlreadyExists,
    Cluster,
    ClusterRejected,
    ClusterUnavailable,
    Object,
    ObjectNotFound,
    Stale,
    connection,
    lists,
)
from jobs_api.ids import new_id
from jobs_api.model.organization import Organization
from local.cluster import EmbeddedCluster

SELECTOR = "team=data"


@pytest.fixture
def cluster(embedded_cluster: EmbeddedCluster) -> Cluster:
    """Connect as the functions do; JOBS_API_KUBECONFIG leads to the embedded cluster."""
    assert embedded_cluster.url
    return clusters.connect(Organization(id="org-acme", name="acme", created_at=datetime(2026, 4, 28, tzinfo=UTC)))


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """Make a namespace of the test's own."""
    name = f"test-{new_id()}"
    cluster._connection.write("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


class Wire:
    """The wire to the cluster: notes every request, and answers some otherwise than the cluster would."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.tokens: list[str] = []
        self.answer: Callable[[str], Response | None] = lambda _: None
        self.connections: set[tuple[str, int]] = set()
        self.delay_seconds = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        request = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}"
        self.requests.append(request)
        self.connections.add(scope["client"])
        self.tokens.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        await asyncio.sleep(self.delay_seconds)
        await (self.answer(request) or app)(scope, receive, send)


@pytest.fixture
def wire(embedded_cluster: EmbeddedCluster, namespace: str) -> Iterator[Wire]:
    """Sit between client and cluster, once the namespace is there."""
    assert namespace
    assert embedded_cluster.faults
    embedded_cluster.faults.fault = wire = Wire()
    yield wire
    embedded_cluster.faults.fault = None


def cronjob(namespace: str, name: str = "nightly", **spec: Any) -> Object:
    pod = {"restartPolicy": "Never", "containers": [{"name": "job", "image": "python", "command": ["true"]}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": "data"}},
        "spec": {"schedule": "0 2 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}, **spec},
    }


def job(namespace: str, name: str, script: str = "") -> Object:
    container = {"name": "job", "image": "python", "command": ["python", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    metadata = {"name": name, "namespace": namespace, "labels": {"team": "data"}}
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def status(code: int, reason: str, message: str) -> Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message}
    return JSONResponse({**body, "code": code}, status_code=code)


def names_of(pages: Iterator[list[Object]]) -> list[str]:
    return [item["metadata"]["name"] for page in pages for item in page]


def eventually[T](ask: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + 60
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it has not come true within a minute"
        time.sleep(0.02)
    return answer


def finished_pod(cluster: Cluster, made: Object) -> Object:
    """Wait until a Job's pod has ended, and return it."""

    def ended() -> Object | None:
        pod = cluster.pod_of(made)
        return pod if pod and pod["status"].get("phase") in {"Succeeded", "Failed"} else None

    return eventually(ended)


def test_a_cronjob_is_made_found_replaced_and_deleted(cluster: Cluster, namespace: str) -> None:
    made = cluster.create_cronjob(cronjob(namespace))
    (found,) = (item for page in cluster.list_cronjobs(namespace, SELECTOR) for item in page)
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    changed = cluster.replace_cronjob({**made, "spec": {**made["spec"], "suspend": True}})
    assert cluster.get_cronjob(namespace, "nightly")["spec"]["suspend"] is True
    metadata = changed["metadata"]
    cluster.delete_cronjob(namespace, "nightly", metadata["uid"], metadata["resourceVersion"])
    assert names_of(cluster.list_cronjobs(namespace, SELECTOR)) == []


def test_a_status_is_replaced_and_nothing_else_with_it(cluster: Cluster, namespace: str) -> None:
    wanted = cronjob(namespace)
    made = cluster.create_cronjob({**wanted, "spec": {**wanted["spec"], "suspend": True}})
    status = {"lastScheduleTime": "2026-04-28T12:04:10Z"}
    dated = cluster.replace_cronjob_status({**made, "spec": {**made["spec"], "suspend": False}, "status": status})

    found = cluster.get_cronjob(namespace, "nightly")
    assert (found["status"], found["spec"]) == (status, made["spec"])
    same = ("uid", "labels", "annotations", "generation")
    assert [found["metadata"].get(key) for key in same] == [made["metadata"].get(key) for key in same]
    with pytest.raises(Stale):
        cluster.replace_cronjob_status({**made, "status": status})
    # The next replacement may use the returned object, whose status does not change.
    cluster.replace_cronjob({**made, "metadata": dated["metadata"], "spec": {**made["spec"], "schedule": "@daily"}})
    assert cluster.get_cronjob(namespace, "nightly")["status"] == status


def test_a_taken_name_and_a_changed_object_have_different_errors(cluster: Cluster, namespace: str) -> None:
    made = cluster.create_cronjob(cronjob(namespace))
    with pytest.raises(AlreadyExists, match="already exists"):
        cluster.create_cronjob(cronjob(namespace))
    cluster.replace_cronjob({**made, "spec": {**made["spec"], "suspend": True}})
    with pytest.raises(Stale):
        cluster.replace_cronjob(made)
    with pytest.raises(Stale):
        cluster.delete_cronjob(namespace, "nightly", made["metadata"]["uid"], made["metadata"]["resourceVersion"])
    assert cluster.get_cronjob(namespace, "nightly")["spec"]["suspend"] is True


def test_a_missing_object_has_its_own_error(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(ObjectNotFound, match="nightly"):
        cluster.get_cronjob(namespace, "nightly")
    with pytest.raises(ObjectNotFound, match="nightly"):
        cluster.delete_cronjob(namespace, "nightly", "uid", "1")
    with pytest.raises(ObjectNotFound, match="no-such-namespace"):
        cluster.create_cronjob(cronjob("no-such-namespace"))


def test_deleting_a_cronjob_lets_its_jobs_finish(cluster: Cluster, namespace: str) -> None:
    made = cluster.create_cronjob(cronjob(namespace))
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "nightly",
        "uid": made["metadata"]["uid"],
        "controller": True,
    }
    owned = job(namespace, "nightly-1", "print('done')")
    owned["metadata"]["ownerReferences"] = [owner]
    running = cluster.create_job(owned)
    there = cluster.get_cronjob(namespace, "nightly")["metadata"]
    cluster.delete_cronjob(namespace, "nightly", there["uid"], there["resourceVersion"])
    assert finished_pod(cluster, running)["status"]["phase"] == "Succeeded"
    assert cluster.get_job(namespace, "nightly-1")["metadata"]["uid"] == running["metadata"]["uid"]


def test_a_long_list_comes_in_pages(
    cluster: Cluster, namespace: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    expected = [f"job-{number}" for number in range(5)]
    for name in expected:
        cluster.create_cronjob(cronjob(namespace, name))
    wire.requests.clear()
    pages = list(cluster.list_cronjobs(namespace, SELECTOR))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert names_of(iter(pages)) == expected
    assert len(wire.requests) == 3


def test_a_list_that_may_be_old_is_one_request_however_long(
    cluster: Cluster, namespace: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    monkeypatch.setattr(lists, "IN_MEMORY_BYTES", 1000)
    for number in range(5):
        cluster.create_job(job(namespace, f"job-{number}"))
    wire.requests.clear()

    pages = list(cluster.list_jobs(namespace, SELECTOR, cached=True))

    assert [len(page) for page in pages] == [2, 2, 1]
    (asked,) = wire.requests
    assert "resourceVersion=0" in asked


def test_a_server_that_has_pages_in_its_cache_is_asked_for_them(
    cluster: Cluster, namespace: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    for number in range(5):
        cluster.create_cronjob(cronjob(namespace, f"job-{number}"))
    pages = list(cluster.list_cronjobs(namespace, SELECTOR))
    first = {"metadata": {"continue": _token(wire)}, "items": pages[0]}
    wire.answer = lambda request: JSONResponse(first) if "resourceVersion=0" in request else None

    found = names_of(cluster.list_cronjob_metadata(namespace, SELECTOR, cached=True))

    assert found == [f"job-{number}" for number in range(5)]
    # A server refuses a request that has both a resource version and a continue token.
    assert not any("continue=" in request and "resourceVersion" in request for request in wire.requests)


def _token(wire: Wire) -> str:
    """Return the token of the second page that was asked for."""
    asked = next(request for request in wire.requests if "continue=" in request)
    return parse_qs(asked.partition("?")[2])["continue"][0]


def test_metadata_alone_comes_without_the_rest(cluster: Cluster, namespace: str) -> None:
    made = cluster.create_cronjob(cronjob(namespace))

    ((found,),) = cluster.list_cronjob_metadata(namespace, SELECTOR)

    assert found["metadata"] == made["metadata"]
    assert found["metadata"]["generation"] == 1
    assert "spec" not in found


def test_a_list_that_breaks_off_is_a_cluster_that_is_unavailable(cluster: Cluster, namespace: str, wire: Wire) -> None:
    wire.answer = lambda _: PlainTextResponse('{"metadata": {}, "items": [{"metadata": {"uid": "a"}},')

    with pytest.raises(ClusterUnavailable):
        list(cluster.list_jobs(namespace, SELECTOR, cached=True))


def test_lists_one_after_the_other_share_a_connection_and_a_token(cluster: Cluster, namespace: str, wire: Wire) -> None:
    list(cluster.list_jobs(namespace, SELECTOR, cached=True))
    used = len(wire.connections)

    for _ in range(3):
        list(cluster.list_jobs(namespace, SELECTOR, cached=True))
        cluster.pods_of(namespace, ["a"])
        with pytest.raises(ObjectNotFound):
            cluster.get_job(namespace, "none")

    assert len(wire.connections) == used
    assert len(set(wire.tokens)) == 1


def test_a_list_leaves_out_what_has_not_the_label(cluster: Cluster, namespace: str) -> None:
    cluster.create_cronjob(cronjob(namespace))
    assert names_of(cluster.list_cronjobs(namespace, "team=other")) == []


def test_a_list_that_took_too_long_starts_again_and_gives_each_object_once(
    cluster: Cluster, namespace: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    for number in range(5):
        cluster.create_cronjob(cronjob(namespace, f"job-{number}"))
    expired = [status(410, "Expired", "The provided continue parameter is too old")]
    wire.answer = lambda request: expired.pop() if "continue=" in request and expired else None
    assert Counter(names_of(cluster.list_cronjobs(namespace, SELECTOR))) == {f"job-{n}": 1 for n in range(5)}


def test_a_list_that_never_ends_in_time_is_given_up(
    cluster: Cluster, namespace: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 1)
    for number in range(2):
        cluster.create_cronjob(cronjob(namespace, f"job-{number}"))
    wire.answer = lambda request: status(410, "Expired", "too old") if "continue=" in request else None
    with pytest.raises(ClusterUnavailable):
        list(cluster.list_cronjobs(namespace, SELECTOR))


def test_a_token_that_is_not_accepted_is_tried_once_more_with_a_fresh_one(
    cluster: Cluster, namespace: str, wire: Wire
) -> None:
    refused = [status(401, "Unauthorized", "Unauthorized")]
    wire.answer = lambda _: refused.pop() if refused else None
    assert names_of(cluster.list_cronjobs(namespace, SELECTOR)) == []
    assert len(wire.requests) == 2
    assert all(token.startswith("Bearer ") for token in wire.tokens)


def test_a_cluster_that_does_not_know_us_is_unavailable(cluster: Cluster, namespace: str, wire: Wire) -> None:
    wire.answer = lambda _: status(401, "Unauthorized", "Unauthorized")
    with pytest.raises(ClusterUnavailable):
        cluster.get_job(namespace, "nightly")
    assert len(wire.requests) == 2


@pytest.mark.parametrize(("code", "reason"), [(429, "TooManyRequests"), (500, "InternalError"), (503, "")])
def test_a_cluster_that_cannot_now_is_unavailable(
    cluster: Cluster, namespace: str, wire: Wire, code: int, reason: str
) -> None:
    wire.answer = lambda _: status(code, reason, "etcdserver: request timed out")
    with pytest.raises(ClusterUnavailable, match="etcdserver"):
        cluster.create_cronjob(cronjob(namespace))


def test_a_proxy_that_answers_in_its_place_is_quoted(cluster: Cluster, namespace: str, wire: Wire) -> None:
    wire.answer = lambda _: PlainTextResponse("Bad Gateway", status_code=502)
    with pytest.raises(ClusterUnavailable, match="502: Bad Gateway"):
        cluster.get_job(namespace, "nightly")


@pytest.mark.parametrize("body", ["<html>Sign in</html>", '["a list"]', ""])
def test_a_page_that_is_a_success_in_the_clusters_place_is_a_cluster_that_is_unavailable(
    cluster: Cluster, namespace: str, wire: Wire, body: str
) -> None:
    wire.answer = lambda _: PlainTextResponse(body)
    with pytest.raises(ClusterUnavailable, match="Something other than the cluster answers"):
        cluster.get_job(namespace, "nightly")
    with pytest.raises(ClusterUnavailable, match="Something other than the cluster answers"):
        cluster.create_cronjob(cronjob(namespace))
    with pytest.raises(ClusterUnavailable, match="Something other than the cluster answers"):
        cluster.newest_pod_name(namespace, "uid")


def test_a_refusal_carries_the_clusters_own_words(cluster: Cluster, namespace: str, wire: Wire) -> None:
    wire.answer = lambda _: status(422, "Invalid", 'CronJob.batch "nightly" is invalid: spec.schedule: Required value')
    with pytest.raises(ClusterRejected, match="Required value") as refused:
        cluster.create_cronjob(cronjob(namespace))
    assert refused.value.status == 422


def test_a_cluster_that_does_not_answer_in_time_is_unavailable(
    cluster: Cluster, namespace: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TIMEOUT", urllib3.Timeout(connect=2, read=0.1))
    wire.delay_seconds = 5
    with pytest.raises(ClusterUnavailable, match="does not answer"):
        cluster.get_job(namespace, "nightly")
    assert len(wire.requests) == 2


def test_both_tries_together_take_less_than_a_function_has() -> None:
    assert isinstance(connection.RETRIES.total, int)
    connect, read = connection.TIMEOUT.connect_timeout, connection.TIMEOUT.read_timeout
    assert isinstance(connect, int)
    assert isinstance(read, int)
    assert (connection.RETRIES.total + 1) * (connect + read) <= 20


def _other_kubeconfig(embedded: EmbeddedCluster, tmp_path: Path, old: str, new: str) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(embedded.kubeconfig.read_text().replace(old, new))
    return path


def _connect(path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("JOBS_API_KUBECONFIG", str(path))
    return clusters.connect(Organization(id="org-acme", name="acme", created_at=datetime(2026, 4, 28, tzinfo=UTC)))


def test_a_cluster_where_nobody_listens_is_unavailable(
    embedded_cluster: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _other_kubeconfig(embedded_cluster, tmp_path, embedded_cluster.url, "https://127.0.0.1:9")
    with pytest.raises(ClusterUnavailable):
        _connect(path, monkeypatch).get_job("default", "nightly")


def test_a_cluster_with_a_certificate_of_somebody_else_is_unavailable(
    embedded_cluster: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedCluster(tmp_path / "other", Path("local/images")) as other:
        path = _other_kubeconfig(other, tmp_path, other.url, embedded_cluster.url)
        with pytest.raises(ClusterUnavailable, match=r"certificate is not trusted.*unable to get local issuer"):
            _connect(path, monkeypatch).get_job("default", "nightly")


def test_a_kubeconfig_with_an_unreadable_certificate_makes_the_cluster_unavailable(
    embedded_cluster: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kubeconfig"
    garbage = f"certificate-authority-data: {b64encode(b'no certificate').decode()}"
    path.write_text(re.sub("certificate-authority-data: .*", garbage, embedded_cluster.kubeconfig.read_text()))

    with pytest.raises(ClusterUnavailable, match="certificates cannot be read"):
        _connect(path, monkeypatch)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ssl.SSLCertVerificationError("self-signed certificate"), "certificate is not trusted: .*self-signed"),
        (ssl.SSLEOFError("EOF occurred in violation of protocol"), "^The cluster does not answer"),
    ],
    ids=["another certificate", "a connection that ends"],
)
@pytest.mark.parametrize("tried_again", [True, False])
def test_only_a_failed_verification_is_reported_as_a_certificate_that_is_not_trusted(
    failure: ssl.SSLError, told: str, *, tried_again: bool
) -> None:
    def fails() -> None:
        error = SSLError(failure)
        raise MaxRetryError(HTTPSConnectionPool("cluster.example"), "/", error) if tried_again else error

    with pytest.raises(ClusterUnavailable, match=told):
        connection.reading(fails)


def test_a_rewritten_kubeconfig_is_read_again_when_its_token_fails(
    embedded_cluster: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _other_kubeconfig(embedded_cluster, tmp_path, "token: ", "token: old-")
    cluster = _connect(path, monkeypatch)
    with pytest.raises(ClusterUnavailable):
        cluster.get_job("default", "nightly")
    path.write_text(embedded_cluster.kubeconfig.read_text())
    with pytest.raises(ObjectNotFound):
        cluster.get_job("default", "nightly")


def test_a_kubeconfig_with_certificates_leaves_no_file_in_the_temporary_folder(
    embedded_cluster: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, own = tmp_path / "temporary", trustme.CA().issue_cert("somebody")
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    certificate, key = (b64encode(pem.bytes()).decode() for pem in (own.cert_chain_pems[0], own.private_key_pem))
    named = f"client-certificate-data: {certificate}\n    client-key-data: {key}\n    token: old-"
    path = _other_kubeconfig(embedded_cluster, tmp_path, "token: ", named)
    cluster = _connect(path, monkeypatch)
    for _ in range(2):
        with pytest.raises(ClusterUnavailable):
            cluster.get_job("default", "nightly")
    assert list(temporary.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize(("insecure", "answer"), [("true", ObjectNotFound), ("false", ClusterUnavailable)])
def test_a_kubeconfig_without_an_authority_is_believed_only_if_it_says_so(
    embedded_cluster: EmbeddedCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    insecure: str,
    answer: type[Exception],
) -> None:
    there = embedded_cluster.kubeconfig.read_text()
    authority = next(line.strip() for line in there.splitlines() if "certificate-authority-data" in line)
    path = _other_kubeconfig(embedded_cluster, tmp_path, authority, f"insecure-skip-tls-verify: {insecure}")
    with pytest.raises(answer):
        _connect(path, monkeypatch).get_job("default", "nightly")


def test_the_same_cluster_is_connected_to_once(cluster: Cluster) -> None:
    other = Organization(id="org-other", name="other", created_at=datetime(2026, 4, 28, tzinfo=UTC))
    assert clusters.connect(other) is cluster


def test_a_pods_log_is_read_by_its_end_or_whole(cluster: Cluster, namespace: str) -> None:
    script = r"import sys; sys.stdout.buffer.write(b'\n'.join([b'one', b'two', b'thr\xff', b'']))"
    pod = finished_pod(cluster, cluster.create_job(job(namespace, "talks", script)))["metadata"]["name"]
    assert cluster.read_log(namespace, pod, tail=2) == "two\nthr\N{REPLACEMENT CHARACTER}\n"
    assert b"".join(cluster.stream_log(namespace, pod)) == b"one\ntwo\nthr\xff\n"


def test_a_big_log_comes_in_chunks_and_may_be_left_half_read(cluster: Cluster, namespace: str) -> None:
    script = "for _ in range(5000): print('x' * 99)"
    pod = finished_pod(cluster, cluster.create_job(job(namespace, "shouts", script)))["metadata"]["name"]
    chunks = list(cluster.stream_log(namespace, pod))
    assert len(chunks) > 1
    assert sum(map(len, chunks)) == 500_000
    half = cluster.stream_log(namespace, pod)
    assert next(half)
    half.close()  # type: ignore[attr-defined]
    assert len(cluster.read_log(namespace, pod, tail=10)) == 1000


def test_the_log_of_a_deleted_pod_is_not_found(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(ObjectNotFound):
        cluster.read_log(namespace, "gone", tail=10)
    with pytest.raises(ObjectNotFound):
        list(cluster.stream_log(namespace, "gone"))


def test_a_jobs_pod_is_its_own_and_its_newest(cluster: Cluster, namespace: str) -> None:
    first, second = (cluster.create_job(job(namespace, name)) for name in ("first", "second"))
    pod = finished_pod(cluster, first)
    assert pod["metadata"]["ownerReferences"][0]["uid"] == first["metadata"]["uid"]
    finished_pod(cluster, second)
    assert names_of(cluster.list_jobs(namespace, SELECTOR)) == ["first", "second"]
    assert cluster.pod_of({"metadata": {"namespace": namespace, "uid": "nobody"}}) is None


def test_many_threads_share_one_cluster_and_none_is_left_behind(cluster: Cluster, namespace: str) -> None:
    before = set(threading.enumerate())
    makers = [
        threading.Thread(target=cluster.create_cronjob, args=(cronjob(namespace, f"job-{number}"),))
        for number in range(20)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(names_of(cluster.list_cronjobs(namespace, SELECTOR))) == 20
    assert set(threading.enumerate()) <= before


def test_only_the_light_part_of_the_client_is_loaded() -> None:
    script = "import jobs_api.cluster, sys; print([name for name in sys.modules if name.startswith('kubernetes')])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


def test_the_whole_client_can_be_imported() -> None:
    whole = importlib.import_module("kubernetes.client")
    assert whole.CoreV1Api.__name__ == "CoreV1Api"
    assert whole.rest.ApiException is whole.ApiException
