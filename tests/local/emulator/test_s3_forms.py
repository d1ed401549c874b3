"""Forms with a file: what a policy allows is stored, and nothing else."""

import base64
import json
from typing import Any

import pytest

from jobs_api.runner.pod import PodApi
from tests.local.emulator.conftest import Running

KEY, TYPE = "artifacts/org-acme/proj_1/run_1/nightly-x7k2p", "application/octet-stream"


@pytest.fixture
def send(tmp_path: Any) -> Any:
    """Return a function that sends a form as the runner in a Pod does; it raises OSError with S3's answer."""
    (tmp_path / "url").write_text("http://127.0.0.1:1")
    api = PodApi(str(tmp_path), 30)
    return lambda signed, content: api.store(signed, content, [])


def form(running: Running, **changes: str) -> dict[str, Any]:
    fields = {"Content-Type": TYPE, "Content-Encoding": "gzip"}
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    signed: dict[str, Any] = running.client("s3", "http", "s3v4").generate_presigned_post(
        "logs", KEY, fields, [*conditions, ["content-length-range", 7, 7]], 60
    )
    return {"url": signed["url"], "form": {**signed["fields"], **changes}}


def stored(running: Running) -> list[str]:
    found = running.client("s3", "http").list_objects_v2(Bucket="logs")
    return [one["Key"] for one in found.get("Contents", [])]


def test_a_file_is_stored_as_the_form_says(running: Running, send: Any) -> None:
    send(form(running), b"content")
    found = running.client("s3", "http").get_object(Bucket="logs", Key=KEY)
    assert (found["Body"].read(), found["ContentType"], found["ContentEncoding"]) == (b"content", TYPE, "gzip")


@pytest.mark.parametrize("content", [b"conten", b"content!", b"", b"x" * 5_000_000])
def test_another_size_is_refused(running: Running, send: Any, content: bytes) -> None:
    with pytest.raises(OSError, match="EntityToo"):
        send(form(running), content)
    assert stored(running) == []


@pytest.mark.parametrize(
    "change",
    [
        {"key": "artifacts/org-acme/proj_1/run_2/nightly-x7k2p"},
        {"key": "artifacts/org-acme/proj_1/run_1/nightly-other"},
        {"key": "artifacts/org-acme/proj_1/run_1/../run_2/nightly-x7k2p"},
        {"key": "logs/org-other/proj_1/run_1.log.gz"},
        {"Content-Type": "text/html"},
        {"acl": "public-read"},
        {"x-amz-signature": "0" * 64},
        {"x-amz-credential": "LOCALOTHER/20260101/us-east-1/s3/aws4_request"},
    ],
)
def test_a_field_that_the_policy_does_not_allow_is_refused(running: Running, send: Any, change: dict[str, str]) -> None:
    with pytest.raises(OSError, match=r"AccessDenied|SignatureDoesNotMatch"):
        send(form(running, **change), b"content")
    assert stored(running) == []


def test_a_policy_that_was_changed_is_refused(running: Running, send: Any) -> None:
    made = form(running)
    document = json.loads(base64.b64decode(made["form"]["policy"]))
    document["conditions"] = [one for one in document["conditions"] if one != {"key": KEY}]
    made["form"]["policy"] = base64.b64encode(json.dumps(document).encode()).decode()
    with pytest.raises(OSError, match="SignatureDoesNotMatch"):
        send(made, b"content")


def test_a_form_expires(running: Running, send: Any) -> None:
    signed = running.client("s3", "http", "s3v4").generate_presigned_post("logs", KEY, ExpiresIn=-1)
    with pytest.raises(OSError, match="Policy expired"):
        send({"url": signed["url"], "form": signed["fields"]}, b"content")
