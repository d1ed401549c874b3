"""Logs that are larger as JSON: control bytes, bytes that are not UTF-8, quotation marks.

`Person.call` holds every answer of every test below what Lambda passes on.
"""

import gzip
import urllib.request
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.logs import archive
from jobs_api.model.answer_size import ANSWER_BYTES, CHARACTER_BYTES, STEP, encoded_size, end_that_fits
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.store.run_rows import RunRow
from tests.functions.acme import Acme
from tests.functions.people import NOON, Person
from tests.functions.test_runs import a_run

MIB = 1024 * 1024
# How many bytes one byte becomes in an answer: it is escaped as JSON, and once more as a string in the integration's
# own JSON.
GROWING = {
    "zeros": b"\0",
    "escape sequences": b"\x1b",
    "no utf-8": b"\xff",
    "half a character": b"\xe6\x97",
    "cyrillic": "ж".encode(),
    "japanese": "日".encode(),
    "emoji": "😀".encode(),
    "quotation marks": b'"',
    "backslashes": b"\\",
    "line breaks": b"\n",
    "delete": b"\x7f",
    "separators": "\u2028".encode(),
}
CUT = {"zeros", "escape sequences", "delete", "no utf-8"}
END = "the last line\n"
ACCEPTED = ["application/json", "text/plain", "*/*"]


def a_run_with(project: Project, log: bytes) -> str:
    run = a_run(project, status=RunStatus.SUCCESS, end_time=NOON)
    stored, _ = archive.store_log(run, [log])
    RunRow(run.id).update(actions=[RunRow.log.set(stored.model_dump(mode="json"))])
    return f"/api/v1/runs/{run.id}/logs"


def a_mebibyte_of(content: bytes) -> bytes:
    room = MIB - len(END)
    return content * (room // len(content)) + END.encode()


@pytest.mark.parametrize("accept", ACCEPTED)
@pytest.mark.parametrize("content", GROWING)
def test_the_end_of_any_log_comes_in_an_answer_that_lambda_passes_on(
    alice: Person, jaffle: Project, content: str, accept: str
) -> None:
    path = a_run_with(jaffle, a_mebibyte_of(GROWING[content]))

    answer = alice.call("GET", path, headers={"Accept": accept})

    assert answer.status == 200
    text = answer.text if accept == "text/plain" else answer.json["logs"]
    assert text.endswith(END)
    assert len(text) > 640_000 or content not in CUT


@pytest.mark.parametrize("content", GROWING)
def test_a_log_that_is_too_large_is_truncated_and_has_a_link_to_all_of_it(
    alice: Person, jaffle: Project, content: str
) -> None:
    log = a_mebibyte_of(GROWING[content])

    found = alice.call("GET", a_run_with(jaffle, log)).json

    assert (found["size_bytes"], found["truncated"]) == (len(log), content in CUT)
    if content in CUT:
        assert _downloaded(found["download_url"]) == log
    else:
        assert "download_url" not in found
        assert found["logs"] == log.decode("utf-8", "replace")


@pytest.mark.parametrize("accept", ACCEPTED)
def test_a_longer_log_of_control_bytes_is_cut_the_same(alice: Person, jaffle: Project, accept: str) -> None:
    path = a_run_with(jaffle, b"\0" * (3 * MIB) + END.encode())

    answer = alice.call("GET", path, headers={"Accept": accept})

    assert answer.status == 200
    assert (answer.text if accept == "text/plain" else answer.json["logs"]).endswith(END)


@pytest.mark.parametrize("accept", ACCEPTED)
def test_a_live_log_of_control_bytes_comes_too(acme: Acme, accept: str) -> None:
    job = acme.finish("yes \"$(printf '\\033%.0s' $(seq 150))\" | head -n 9999; echo the last line")
    path = f"/api/v1/jobs/{job['metadata']['name']}/logs"

    answer = acme.alice.call("GET", path, query={"tail": "10000"}, headers={"Accept": accept})

    assert answer.status == 200
    text = answer.text if accept == "text/plain" else answer.json["logs"]
    assert text.endswith(END)
    assert len(text) > 640_000


def test_the_stored_log_of_a_pod_that_is_gone_comes_too(acme: Acme) -> None:
    job = acme.finish("head -c 1000000 /dev/zero; echo; echo the last line")
    acme.ingest()
    pod = acme.cluster.pod_of(job)
    assert pod
    acme.write("DELETE", f"/api/v1/namespaces/{acme.organization.id}/pods/{pod['metadata']['name']}", {})

    answer = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs", query={"tail": "10000"})

    assert answer.json["logs"].endswith(f"\0\n{END}")


@given(st.text(max_size=40), st.integers(0, 3000), st.integers(0, 100_000))
def test_the_longest_end_that_fits_is_returned(part: str, times: int, limit: int) -> None:
    text = part * times
    fits = end_that_fits(text, limit)

    assert text.endswith(fits)
    assert encoded_size(fits) <= limit
    assert fits == text or encoded_size(text[-len(fits) - STEP :]) > limit


@given(st.text(), st.text())
def test_the_size_of_a_text_is_the_sum_of_its_parts(first: str, other: str) -> None:
    assert encoded_size(first + other) == encoded_size(first) + encoded_size(other)
    assert encoded_size(first) <= CHARACTER_BYTES * len(first)


def test_a_log_that_fits_is_not_cut() -> None:
    text = "x" * (ANSWER_BYTES - 10_000)

    assert end_that_fits(text) == text


def _downloaded(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310  # it is moto's
        content: Any = response.read()
    return gzip.decompress(content)
