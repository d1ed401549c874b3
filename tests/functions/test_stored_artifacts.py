"""Artifacts in S3: what a Pod stored whole is listed, and what it wrote there is read as a stranger's."""

import base64
import json
import os
from typing import Any

import pytest

from jobs_api.errors import InvalidRequest
from jobs_api.logs import artifacts
from jobs_api.logs.archive import bucket_client
from jobs_api.logs.artifacts import RunKey
from jobs_api.model.artifacts import MOST_ARTIFACT_BYTES, Artifact, ArtifactFile, ArtifactRequest

RUN = RunKey("org-acme", "proj_1", "run_1")
MANIFEST = ArtifactFile(path="manifest.json", size_bytes=100, stored_bytes=20)


def put(key: str, content: bytes) -> None:
    bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, Body=content)


def policy(form: dict[str, Any]) -> list[Any]:
    found: list[Any] = json.loads(base64.b64decode(form["form"]["policy"]))["conditions"]
    return found


def test_an_upload_form_allows_one_key_one_size_and_one_type() -> None:
    (form,) = artifacts.artifact_forms(RUN, [MANIFEST])
    key = "artifacts/org-acme/proj_1/run_1/files/manifest.json"
    assert (form["path"], form["form"]["key"]) == ("manifest.json", key)
    for condition in ({"key": key}, {"Content-Type": "application/json"}, ["content-length-range", 20, 20]):
        assert condition in policy(form)
    assert not [one for one in policy(form) if isinstance(one, list) and one[0] == "starts-with"]


def test_no_file_can_take_the_place_of_the_list() -> None:
    form = artifacts.artifact_list_form(RUN)
    assert form["form"]["key"] == "artifacts/org-acme/proj_1/run_1/list.json"
    (named,) = artifacts.artifact_forms(RUN, [ArtifactFile(path="list.json", size_bytes=1, stored_bytes=1)])
    assert named["form"]["key"] != form["form"]["key"]


def test_what_was_not_stored_whole_is_not_there() -> None:
    run = RunKey("org-acme", "proj_1", "run_half")
    put(run.key("manifest.json"), b"x")
    assert artifacts.stored_artifacts(run) == []


def test_what_was_stored_whole_is_listed_by_name() -> None:
    files = [{"path": name, "size_bytes": 5, "stored_bytes": 9} for name in ("run_results.json", "index.html")]
    put(RUN.list_key, json.dumps({"files": files}).encode())
    assert artifacts.stored_artifacts(RUN) == [
        Artifact(path="index.html", size_bytes=5, content_type="text/html; charset=utf-8"),
        Artifact(path="run_results.json", size_bytes=5, content_type="application/json"),
    ]


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"no json",
        b"[]",
        b'{"files": [{"path": "../../other/list.json", "size_bytes": 1, "stored_bytes": 1}]}',
        b'{"files": [{"path": "a/b", "size_bytes": 1, "stored_bytes": 1}]}',
        b'{"files": [{"path": "a", "size_bytes": -1, "stored_bytes": 1}]}',
        b'{"files": [' + b'{"path": "a", "size_bytes": 1, "stored_bytes": 1},' * 3000 + b"]}",
    ],
)
def test_a_list_with_invented_files_shows_nothing(written: bytes) -> None:
    run = RunKey("org-acme", "proj_1", "run_lies")
    put(run.list_key, written)
    assert artifacts.stored_artifacts(run) == []


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


def test_an_html_artifact_is_downloaded_and_not_displayed_by_the_browser() -> None:
    page = Artifact(path="index.html", size_bytes=5, content_type="text/html; charset=utf-8")
    assert "attachment" in artifacts.artifact_link(RUN, page)
