"""GET /console, /docs and /openapi.json: what anyone gets without a token, and with which headers."""

import base64
import copy
import hashlib
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy import console
from functions.serve_console.app import lambda_handler
from tests.functions.people import ON_A_DOMAIN, ON_ITS_OWN_ADDRESS, PAGES, UNDER_A_BASE_PATH

ROOT = Path(__file__).parents[2]
SAMPLE = json.loads((ROOT / "events" / "serve_console.json").read_text())
ADDRESSES = pytest.mark.parametrize(
    ("before", "stage"), [(ON_ITS_OWN_ADDRESS, "/dev"), (ON_A_DOMAIN, ""), (UNDER_A_BASE_PATH, "/data")]
)


@pytest.fixture(scope="module", autouse=True)
def _site() -> None:
    console.refresh()


def get(
    path: str, *, before: tuple[str, str] = ON_ITS_OWN_ADDRESS, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Ask for a path as API Gateway would pass the request on."""
    event = copy.deepcopy(SAMPLE)
    first, _, rest = path.strip("/").partition("/")
    event["resource"] = f"/{first}/{{path+}}" if rest else f"/{first}"
    assert ("GET", event["resource"]) in PAGES
    event["pathParameters"] = {"path": rest} if rest else None
    event["path"] = before[0] + path
    event["requestContext"]["path"] = before[1] + path
    event["multiValueHeaders"] = {name: [value] for name, value in (headers or {}).items()}
    answer: dict[str, Any] = lambda_handler(event, None)
    return answer


def files() -> list[str]:
    """Return the files that the two pages name."""
    pages = [get(page)["body"] for page in ("/console", "/docs")]
    return [f"/{name}" for page in pages for name in re.findall(r'"(?:\./)?((?:console|docs)/[^"]+)"', page)]


def test_nothing_but_the_pages_is_open_to_anyone() -> None:
    paths = ("/", "/console", "/console/{path+}", "/docs", "/docs/{path+}", "/openapi.json")

    assert PAGES.keys() == {(method, path) for method in ("GET", "HEAD") for path in paths}
    assert set(PAGES.values()) == {"functions/serve_console"}


@ADDRESSES
def test_the_address_of_the_service_leads_to_the_console(before: tuple[str, str], stage: str) -> None:
    answer = get("/", before=before)

    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, f"{stage}/console")


def test_the_address_of_a_stage_leads_to_the_console_without_its_slash_too() -> None:
    event = copy.deepcopy(SAMPLE) | {"resource": "/", "path": "/"}
    event["requestContext"]["path"] = "/dev"

    assert lambda_handler(event, None)["headers"]["Location"] == "/dev/console"


@ADDRESSES
@pytest.mark.parametrize("page", ["/console", "/docs"])
def test_a_page_with_a_slash_too_many_is_the_one_without(before: tuple[str, str], stage: str, page: str) -> None:
    answer = get(f"{page}/", before=before)

    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, stage + page)


@ADDRESSES
@pytest.mark.parametrize("page", ["/console", "/docs"])
def test_a_page_names_only_files_below_itself(before: tuple[str, str], stage: str, page: str) -> None:
    answer = get(page, before=before)
    named = re.findall(r'(?:href|src)="([^"]+)"', answer["body"])

    assert stage in {"/dev", "", "/data"}
    assert answer["statusCode"] == 200
    assert named
    assert all(name.startswith(f"{page[1:]}/") or name in {"docs", "openapi.json"} for name in named)


def test_each_file_of_a_page_is_kept_for_a_year_under_a_name_of_its_content() -> None:
    assert len(files()) >= 10
    for file in files():
        answer = get(file)
        assert answer["statusCode"] == 200
        assert answer["body"]
        assert answer["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
        assert re.fullmatch(r"/(console|docs)/[0-9a-f]{20}/[\w-]+\.(js|css|svg)", file)
        assert "sourceMappingURL" not in answer["body"][-200:]


@pytest.mark.parametrize("path", ["/console", "/docs", "/openapi.json"])
def test_a_page_is_asked_for_again_each_time_and_sent_only_if_it_changed(path: str) -> None:
    first = get(path)
    tag = first["headers"]["ETag"]

    assert first["headers"]["Cache-Control"] == "no-cache"
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = get(path, headers={"If-None-Match": known})
        assert (again["statusCode"], again["body"], again["headers"]["ETag"]) == (304, "", tag)
    assert get(path, headers={"if-none-match": 'W/"other"'})["statusCode"] == 200


@pytest.mark.parametrize("page", ["/console", "/docs"])
def test_a_page_loads_from_its_own_origin_only_and_stands_in_no_frame(page: str) -> None:
    headers = get(page)["headers"]
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert headers["X-Frame-Options"] == "DENY"


def test_the_only_inline_script_is_the_import_map_by_its_hash() -> None:
    page = get("/console")
    inline = re.findall(r"<script[^>]*>(.+?)</script>", page["body"])
    hashes = re.findall(r"'sha256-([^']+)'", page["headers"]["Content-Security-Policy"])

    assert [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline] == hashes
    (only,) = inline
    assert json.loads(only)["imports"].keys() == {"preact", "preact/hooks", "htm"}
    assert 'style="' not in page["body"]
    assert "<style" not in page["body"]


@ADDRESSES
def test_the_document_names_the_address_that_it_came_from(before: tuple[str, str], stage: str) -> None:
    answer = get("/openapi.json", before=before)
    document = json.loads(answer["body"])
    written = json.loads((ROOT / "docs/openapi.json").read_text())

    assert [server["url"] for server in document.pop("servers")] == [stage or "/"]
    del written["servers"]
    assert document == written
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"


def test_documents_of_two_addresses_have_different_tags() -> None:
    own, other = (get("/openapi.json", before=before)["headers"]["ETag"] for before in (ON_A_DOMAIN, UNDER_A_BASE_PATH))

    assert own != other


@pytest.mark.parametrize(
    "path",
    [
        "/console/app.js",
        "/console/../app.py",
        "/console/manifest.json",
        "/docs/../../../template.yaml",
        "/console/%2e%2e/app.py",
        "/docs/" + "x" * 8000,
        "/docs/\x00",
    ],
)
def test_nothing_else_is_served(path: str) -> None:
    answer = get(path)

    assert answer["statusCode"] == 404
    problem = json.loads(answer["body"])
    assert problem == {**problem, "code": "not_found", "request_id": SAMPLE["requestContext"]["requestId"]}


def test_pages_that_were_not_built_name_the_command_that_builds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("functions.serve_console.app"), "SITE", Path("nowhere"))

    answer = get("/console")

    assert answer["statusCode"] == 404
    assert "make console" in json.loads(answer["body"])["message"]


def test_a_cold_start_imports_the_standard_library_alone() -> None:
    program = "import sys; import functions.serve_console.app; print(*{name.partition('.')[0] for name in sys.modules})"
    imported = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert (
        set(imported.stdout.split()) & {"jobs_api", "boto3", "botocore", "pydantic", "aws_lambda_powertools"} == set()
    )


def test_the_build_names_the_command_that_installs_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "NODE", Path("nowhere"))

    with pytest.raises(console.NothingInstalled, match="make console/node_modules/ready"):
        console.site()


def test_a_change_of_a_file_changes_its_address(tmp_path: Path) -> None:
    made = console.Site()
    before = made.add_fixed("console", {"a.css": "a {}", "b.css": "b {}"})
    after = made.add_fixed("console", {"a.css": "a {}", "b.css": "c {}"})
    made.write(tmp_path / "site")

    assert before != after
    assert (tmp_path / "site" / after / "b.css").read_text() == "c {}"
    assert json.loads((tmp_path / "site" / "manifest.json").read_text()).keys() == made.files.keys()
