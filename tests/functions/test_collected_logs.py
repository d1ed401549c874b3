"""Passes collect a log while its command runs, against a cluster with real processes."""

import base64
import os
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.results import log_of
from jobs_api.cluster import Cluster, Object, ObjectNotFound
from jobs_api.collecting import rules
from jobs_api.collecting.collector import Collector
from jobs_api.collecting.parts import Parts
from jobs_api.ids import new_id
from jobs_api.ingest import log_collecting
from jobs_api.ingest.ingester import Pass
from jobs_api.ingest.log_collecting import NO_FOLLOWERS, Followers
from jobs_api.ingest.logs_left import COLLECTED_UNTIL, GAPS
from jobs_api.ingest.unseen_end import GONE_AFTER
from jobs_api.model.run import RunStatus
from jobs_api.store import log_parts
from local.cluster.kubelet import logs
from tests.functions import passes
from tests.functions.acme import Acme, eventually, job_path, until
from tests.functions.test_follow_logs import ask, rest


def start(acme: Acme, script: str, go: Path, run_id: str | None = None) -> Object:
    """Start a command that prints, and again once a file is there."""
    job = acme.start(f"echo one; {until(go)}; {script}", run_id)
    acme.wait_for_pod(job)
    eventually(lambda: acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json["logs"])
    acme.ingest()
    return job


def collect(acme: Acme) -> bytes:
    """Make a pass a minute later; return what was collected until then."""
    acme.skipped += timedelta(seconds=61)
    passes.ingest(acme.organization.id, acme.now)
    return b"".join(Parts.of(acme.only_run()).text())


def be_gone(patch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> object:
        raise ObjectNotFound(404, "gone")

    for name in ("log_begins", "stream_log", "stamped_log"):
        patch.setattr(Cluster, name, gone)


def test_a_pod_that_was_gone_before_its_end_leaves_what_was_collected(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, run_id = tmp_path / "go", new_id("run_")
    job = start(acme, "echo two; exit 3", go, run_id)
    before = ask(acme.alice, run_id)
    assert collect(acme) == b"one\n"
    go.touch()
    acme.wait_for_end(job)
    be_gone(monkeypatch)

    acme.ingest()

    run = acme.only_run()
    assert (run.status, run.exit_code, acme.log_of(run)) == (RunStatus.FAILED, 3, "one\n")
    assert (run.log_note or "").startswith(COLLECTED_UNTIL)
    assert run.log
    assert run.log.key.endswith(".cut.log.gz")
    assert rest(acme.alice, run_id) == rest(acme.alice, run_id, before["after"]) or before["logs"] == "one\n"
    assert ask(acme.alice, run_id, after=before["after"])["done"]


def fail_with_a_secret(acme: Acme, folder: Path) -> Object:
    """Start a dbt command that fails with its password in a message, and collect its log."""
    log, go = folder / "dbt.log", folder / "go"
    log.write_bytes(log_of("dbt112-own-two-text").replace(b"amout", b"plain-word-9"))
    job = acme.manifest(f"cat {log}; {until(go)}; exit 1")
    job["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "DB_PASSWORD", "value": "plain-word-9"}]
    acme.wait_for_pod(acme.cluster.create_job(job))
    eventually(lambda: acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json["logs"])
    acme.ingest()
    assert b"plain-word-9" in collect(acme)
    go.touch()
    return job


def messages(acme: Acme) -> list[str]:
    told = acme.alice.call("GET", f"/api/v1/runs/{acme.only_run().id}/results").json
    assert told["counts"]["error"] == 2
    return [one["message"] for one in told["results"] if one["status"] == "error" and "message" in one]


def test_results_of_what_was_collected_show_no_secret_of_the_job(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.wait_for_end(fail_with_a_secret(acme, tmp_path))
    be_gone(monkeypatch)

    acme.ingest()

    assert acme.only_run().error_message
    assert any('column "***" not found' in one for one in messages(acme))
    assert not any("plain-word-9" in one for one in messages(acme))


def test_results_of_what_was_collected_have_no_message_where_nobody_knows_the_secrets_any_more(
    acme: Acme, tmp_path: Path
) -> None:
    job = fail_with_a_secret(acme, tmp_path)
    acme.wait_for_end(job)
    metadata = job["metadata"]
    acme.write("DELETE", job_path(job), {"propagationPolicy": "Background", "gracePeriodSeconds": 0})
    eventually(lambda: acme.cluster.pod_of({"metadata": {**metadata, "uid": acme.only_run().job_uid}}) is None)
    acme.skipped += GONE_AFTER

    acme.ingest()

    assert acme.only_run().status.ended
    assert messages(acme) == []


def test_a_large_part_is_in_the_bucket_and_is_given_to_who_follows(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, run_id = tmp_path / "go", new_id("run_")
    random = f"dd if=/dev/urandom bs=1000 count=40 2>/dev/null | base64; touch {tmp_path / 'printed'}"
    job = acme.start(f"{random}; {until(go)}; echo two", run_id)
    acme.wait_for_pod(job)
    eventually((tmp_path / "printed").exists)
    acme.ingest()
    collected = collect(acme)
    (part,) = log_parts.log_parts(acme.only_run())
    given, after = rest(acme.alice, run_id)
    go.touch()
    acme.wait_for_end(job)
    be_gone(monkeypatch)
    passes.ingest(acme.organization.id, acme.now)

    assert len(collected) > 50_000
    assert part.content is None
    assert (part.key or "").startswith(f"parts/{acme.organization.id}/")
    assert given == collected.decode()
    assert acme.log_of(acme.only_run()) == given
    assert rest(acme.alice, run_id, after[-1]["after"])[0] == ""


def test_a_log_that_is_whole_at_its_end_is_stored_as_it_is(acme: Acme, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = start(acme, "echo two", go)
    assert collect(acme) == b"one\n"
    go.touch()
    acme.wait_for_end(job)

    acme.ingest()

    assert (acme.log_of(acme.only_run()), acme.only_run().log_note) == ("one\ntwo\n", None)


def test_a_log_that_was_rotated_is_stored_with_what_was_collected_before(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, run_id = tmp_path / "go", new_id("run_")
    job = start(acme, "echo two", go, run_id)
    before = ask(acme.alice, run_id)
    collect(acme)
    monkeypatch.setattr(logs, "_MAX_BYTES", 10)
    aside = eventually(lambda: _is_rotated(acme, job))
    go.touch()
    acme.wait_for_end(job)

    acme.ingest()

    run = acme.only_run()
    one, gap, two = acme.log_of(run).splitlines()
    assert aside
    assert (one, two, run.log_note) == ("one", "two", GAPS)
    assert gap.startswith("[jobs-api: some output between ")
    assert rest(acme.alice, run_id)[0] == acme.log_of(run)
    assert before["logs"] + rest(acme.alice, run_id, before["after"])[0] == acme.log_of(run)


def _is_rotated(acme: Acme, job: Object) -> bool:
    return not acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json["logs"]


def so_far(acme: Acme) -> list[str]:
    told = acme.alice.call("GET", f"/api/v1/runs/{acme.only_run().id}/results").json
    assert told["complete"] is False
    return [one["name"] for one in told["results"]]


def test_results_so_far_are_also_of_what_the_node_has_no_more(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, printed, whole = tmp_path / "go", tmp_path / "printed", tmp_path / "whole.log"
    lines = log_of("dbt112-own-two-text").splitlines(keepends=True)
    half = next(at for at, line in enumerate(lines) if b"4 of 10 START" in line)
    # So large that the part is stored in the bucket.
    lines.insert(1, base64.b64encode(os.urandom(30_000)) + b"\n")
    half += 1
    whole.write_bytes(b"".join(lines))
    script = f"head -n {half} {whole}; {until(go)}; tail -n +{half + 1} {whole}"
    job = acme.start(f"{script}; touch {printed}; sleep 60")
    acme.wait_for_pod(job)
    eventually(lambda: acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json["logs"])
    acme.ingest()
    assert collect(acme) == b"".join(lines[:half])
    first = so_far(acme)
    monkeypatch.setattr(logs, "_MAX_BYTES", 10)
    eventually(lambda: _is_rotated(acme, job))
    monkeypatch.setattr(logs, "_MAX_BYTES", 10**9)
    go.touch()
    eventually(printed.exists)

    both = so_far(acme)
    be_gone(monkeypatch)

    assert first == ["raw_orders", "raw_customers"]
    assert len(both) == 10
    assert both[:2] == first
    assert so_far(acme) == first


def test_a_log_that_grows_fast_is_to_be_followed(acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ROTATED_AT", 100)
    start(acme, "seq 1 100; sleep 60", tmp_path / "go")
    (tmp_path / "go").touch()
    found = list[Collector]()
    eventually(lambda: found if _later(acme, Followers(lambda: True, found.append)) or found else None)

    assert {one.run.id for one in found} == {acme.only_run().id}
    assert Parts.of(acme.only_run()).is_followed()


def _later(acme: Acme, followers: Followers = NO_FOLLOWERS) -> bool:
    acme.skipped += timedelta(seconds=1)
    Pass(acme.organization, acme.cluster, acme.now, followers).run()
    return False


def test_a_log_that_grows_slowly_is_not_read_in_each_pass(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(acme, "true", tmp_path / "go")
    acme.skipped += rules.YOUNG
    _later(acme)
    monkeypatch.setattr(Cluster, "stamped_log", lambda *_, **__: pytest.fail("it was read a second ago"))

    _later(acme)

    monkeypatch.undo()
    assert log_collecting._last_reads
    (tmp_path / "go").touch()
