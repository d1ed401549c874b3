"""Artifacts in S3: what a Pod stored whole is listed, and what it wrote there is read as a stranger's."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs_api.errors import InvalidRequest
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import Bundle, BundleKey
from jobs_api.logs.log_bucket import bucket_client
from jobs_api.model.artifacts import MOST_ARTIFACT_BYTES, Artifact, ArtifactFile, ArtifactRequest

POD = BundleKey("org-acme", "proj_1", "run_1", "nightly-x7k2p")
FILES = [ArtifactFile(path=name, size_bytes=5, stored_bytes=20) for name in ("run_results.json", "index.html")]
HEAD = artifacts.head_of(FILES).encode()


def put(content: bytes, key: str = POD.key) -> None:
    bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, Body=content)


def policy(form: dict[str, Any]) -> list[Any]:
    found: list[Any] = json.loads(base64.b64decode(form["form"]["policy"]))["conditions"]
    return found


def test_an_upload_form_allows_one_key_one_size_and_one_type() -> None:
    form = artifacts.bundle_form(POD, FILES)
    assert form["head"].encode() == HEAD
    size = len(HEAD) + 40
    for condition in ({"key": POD.key}, {"Content-Type": artifacts.BUNDLE}, ["content-length-range", size, size]):
        assert condition in policy(form)
    assert not [one for one in policy(form) if isinstance(one, list) and one[0] == "starts-with"]


def test_stored_artifacts_are_listed_and_read_by_name() -> None:
    put(HEAD + b"r" * 20 + b"i" * 20)
    bundle = artifacts.stored_bundle(POD)
    assert bundle
    assert bundle.artifacts == [
        Artifact(path="index.html", size_bytes=5, content_type="text/html; charset=utf-8"),
        Artifact(path="run_results.json", size_bytes=5, content_type="application/json"),
    ]
    assert artifacts.read_file(bundle, "index.html", 20) == b"i" * 20
    assert artifacts.read_file(bundle, "run_results.json", 20) == b"r" * 20
    for path, most in (("index.html", 19), ("other.json", 20)):
        with pytest.raises(ValueError, match="missing, or has more"):
            artifacts.read_file(bundle, path, most)


def test_the_longest_list_is_read() -> None:
    files = [ArtifactFile(path=f"{n:02}" + "a" * 126, size_bytes=10**8, stored_bytes=10**3) for n in range(50)]
    put(artifacts.head_of(files).encode() + b"x" * 50_000)
    assert len(artifacts.head_of(files)) < artifacts.LIST_BYTES
    found = artifacts.stored_bundle(POD)
    assert found
    assert list(found.files) == files


def test_a_run_without_a_pod_has_no_artifacts_and_asks_for_none() -> None:
    assert artifacts.stored_bundle(BundleKey("org-acme", "proj_1", "run_1", "")) is None


ONE = b'{"path": "a", "size_bytes": 1, "stored_bytes": 1}'


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\n",
        b"no json\n",
        b"[]\n",
        b'{"files": [{"path": "../../other/list.json", "size_bytes": 1, "stored_bytes": 1}]}\nx',
        b'{"files": [{"path": "a/b", "size_bytes": 1, "stored_bytes": 1}]}\nx',
        b'{"files": [{"path": "a", "size_bytes": -1, "stored_bytes": 1}]}\nx',
        b'{"files": [' + b",".join([ONE] * 400) + b"]}\n" + b"x" * 400,
        b'{"files": [' + b",".join([ONE] * 2) + b"]}\nxx",
        HEAD + b"x" * 39,
        HEAD + b"x" * 41,
        HEAD.strip() + b"x" * 41,
        b" " * artifacts.LIST_BYTES + HEAD + b"x" * 40,
    ],
    ids=[
        "nothing",
        "an empty line",
        "no JSON",
        "no object",
        "a path that leads out",
        "a path with a folder",
        "a size below zero",
        "too many files",
        "a file twice",
        "less than it names",
        "more than it names",
        "a line without its end",
        "a line that is too long",
    ],
)
def test_a_bundle_with_invented_files_shows_nothing(written: bytes) -> None:
    put(written)
    assert artifacts.stored_bundle(POD) is None


@pytest.mark.parametrize("path", ["../x", "..", ".x", "a/b", "/a", "", "a" * 129, "a\n", "a%2fb", "a\\b", "é"])
def test_a_path_that_is_no_plain_name_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest):
        ArtifactRequest.checked({"files": [{"path": path, "size_bytes": 1, "stored_bytes": 1}]})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"files": []},
        {"files": [{"path": "a", "size_bytes": 1, "stored_bytes": 1}], "fetch": "state"},
        {"fetch": "everything"},
        {"files": [{"path": "a", "size_bytes": 1, "stored_bytes": 1}] * 2},
        {"files": [{"path": f"a{n}", "size_bytes": 1, "stored_bytes": 1} for n in range(51)]},
        {"files": [{"path": "a", "size_bytes": 1, "stored_bytes": MOST_ARTIFACT_BYTES + 1}]},
        {"files": [{"path": f"a{n}", "size_bytes": 1, "stored_bytes": MOST_ARTIFACT_BYTES} for n in range(3)]},
    ],
)
def test_a_request_beyond_the_limits_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        ArtifactRequest.checked(body)


@pytest.fixture
def bundle() -> Bundle:
    """A bundle with two files."""
    put(HEAD + b"r" * 20 + b"i" * 20)
    found = artifacts.stored_bundle(POD)
    assert found
    return found


def test_an_html_artifact_is_downloaded_and_not_displayed_by_the_browser(bundle: Bundle) -> None:
    page, results = bundle.artifacts
    assert "attachment" in artifacts.artifact_link(bundle, page, datetime.now(UTC))
    assert "inline" in artifacts.artifact_link(bundle, results, datetime.now(UTC))


def test_a_copy_is_made_for_the_first_link_and_again_before_the_bucket_removes_it(bundle: Bundle) -> None:
    page, key = bundle.artifacts[0], POD.key_of_copy("index.html")
    now = datetime.now(UTC)
    artifacts.artifact_link(bundle, page, now)
    copy = bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key)
    assert (copy["Body"].read(), copy["ContentType"], copy["ContentEncoding"]) == (b"i" * 20, page.content_type, "gzip")

    put(b"the same", key)
    artifacts.artifact_link(bundle, page, now + timedelta(hours=19))
    assert bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key)["Body"].read() == b"the same"
    artifacts.artifact_link(bundle, page, now + timedelta(hours=21))
    assert bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key)["Body"].read() == b"i" * 20
