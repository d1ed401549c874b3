"""Schemathesis and Hypothesis against the whole API on the laptop gateway: no 5xx, nothing outside docs/openapi.json.

Few examples of the schema cost seconds. With FUZZ_EXAMPLES=500 in the environment it is twenty-five times as much;
`make fuzz` draws other examples.
"""

import http.client
import json
import os
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from jobs_api import store
from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Organization, Role
from jobs_api.model.project import Project
from jobsctl import operations
from local.cluster import EmbeddedCluster
from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.kubernetes_api import KubernetesApi
from local.listening import listen
from local.stack import LIMITS
from local.template import read
from tests.functions.people import new_organization, new_project
from tests.local.conftest import Answer, Client
from tests.reliability.figures import proved

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
# Each answer must have one of the documented statuses, and not merely match «any other error».
for _methods in DOCUMENT["paths"].values():
    for _operation in _methods.values():
        del _operation["responses"]["default"]
OPERATIONS = sorted((method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods)
CHECKS: Any = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CODES = {
    400: {"invalid_json", "invalid_request"},
    401: {"unauthorized"},
    403: {"forbidden"},
    404: {"not_found"},
    409: {"conflict", "project_not_deployed", "run_not_completed"},
    413: {"payload_too_large"},
    422: {"invalid_request"},
}

few = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "20")),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Service:
    """The API, and who may use it."""

    client: Client
    organization: Organization
    project: Project
    emptied: Project
    job_id: str
    token: str
    admin_token: str

    def ids(self, path: str) -> dict[str, str]:
        """Return ids that exist, by the parameter's name in the document."""
        nobodys = {"job_name": "no-such-job", "run_id": "run_none", "delivery_id": "dlv_none"}
        # An apply with `prune` would delete the jobs that its list lacks.
        project = self.emptied if path.endswith("/apply") else self.project
        return {"project_id": project.id, "job_id": self.job_id, **nobodys}


@pytest.fixture(scope="module")
def service(embedded_cluster: EmbeddedCluster) -> Iterator[Service]:
    template = read(ROOT / "template.yaml", parameters=LIMITS, cache=ROOT / ".local" / "cache")
    organization = new_organization("fuzz")
    KubernetesApi(embedded_cluster.kubeconfig).create("/api/v1/namespaces", {"metadata": {"name": organization.id}})
    # The project is not deployed, so triggers are refused and no process starts.
    project = new_project(organization.id, "jaffle", ProjectType.DBT, deployed=False)
    emptied = new_project(organization.id, "emptied", ProjectType.DBT, deployed=False)
    token, admin_token = (
        operations.create_token(organization.id, role, days=None, description="fuzz")[0]
        for role in (Role.DEVELOPER, Role.ADMIN)
    )
    with Gateway(definition_of(template), Functions(template.functions()), listen()) as running:
        client = Client(running.url)
        job = {"name": "kept", "command": "dbt build", "schedule": "@daily"}
        made = client.call("POST", f"/api/v1/projects/{project.id}/jobs", bearer(token), body=job)
        assert made.status == 201, made.body
        yield Service(client, organization, project, emptied, made.json["id"], token, admin_token)


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def answered(answer: Answer) -> Answer:
    """Hold an answer to what every answer promises."""
    proved["requests fuzzed"] += 1
    assert answer.status < 500, answer.body
    assert answer.headers["X-Request-ID"]
    if answer.status >= 400:
        assert answer.json["code"] in CODES[answer.status], answer.json
        assert answer.json["message"]
        assert answer.json["request_id"] == answer.headers["X-Request-ID"]
        assert b"Traceback" not in answer.body
    return answer


@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=lambda mode: str(mode.value))
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(operation) for operation in OPERATIONS])
def test_answers_are_those_of_the_document(
    service: Service, method: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]

    @few
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def answers(case: schemathesis.Case[Any], real: bool) -> None:  # noqa: FBT001 - Hypothesis's
        if real and method != "DELETE":
            case.path_parameters = {
                name: service.ids(path).get(name, made_up) for name, made_up in (case.path_parameters or {}).items()
            }
            # A request that names another organization than the token's is refused before anything is read.
            case.headers.pop("X-Organization-ID", None)
        response = case.call(base_url=service.client.url, headers=dict([bearer(service.token)]))
        case.validate_response(response, checks=CHECKS)
        proved["requests fuzzed"] += 1
        assert response.headers["x-request-id"]

    answers()


ODD = st.one_of(
    st.sampled_from(
        ["%00", "..", "%2e%2e", "..%2f..%2fprojects", "%2f", "%", "%zz", "%ff%fe", ".", "a%0d%0aX:%20y", "*"]
    ),
    st.text(string.ascii_letters + string.digits + "%._-~!$&'()*+,;=:@", min_size=1, max_size=40),
)


@few
@given(st.sampled_from(OPERATIONS), st.lists(ODD, min_size=3, max_size=3))
def test_any_path_is_answered(service: Service, operation: tuple[str, str], ids: list[str]) -> None:
    method, route = operation
    parts = [ids.pop() if part.startswith("{") else part for part in route.split("/")]

    answered(service.client.call(method, "/".join(parts), bearer(service.token), body={}))


@pytest.mark.parametrize("length", [1_000, 20_000, 65_536])
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(operation) for operation in OPERATIONS])
def test_an_endless_id_is_answered(service: Service, method: str, path: str, length: int) -> None:
    path = re.sub(r"\{\w+\}", "x" * length, path)
    connection = http.client.HTTPConnection(urlsplit(service.client.url).netloc, timeout=60)
    connection.request(method, path, body="{}", headers=dict([bearer(service.admin_token)]))
    response = connection.getresponse()
    answer = answered(Answer(response.status, response.headers, response.read()))
    connection.close()

    # 64 KiB is where the gateway no longer reads the request.
    if f"/{'x' * length}" in path:
        # Whatever the run, only its Pod may store artifacts, so these requests are refused.
        missing = 403 if (method, path.rpartition("/")[2]) == ("POST", "artifacts") else 404
        assert answer.status == (missing if length < 65_536 else 400)
    else:
        # These requests lack required fields: a preview its schedule, a token and a project theirs.
        assert answer.status == (200 if method == "GET" and "preview" not in path else 422)
    assert len(answer.body) < 1_000 or answer.status == 200


@few
@given(st.binary(max_size=300) | st.sampled_from([b"1e999999", b'"\\ud800"', b"[" * 5_000, b'{"a":' * 3_000]))
def test_any_body_is_answered(service: Service, body: bytes) -> None:
    for method, path in (
        ("POST", "jobs"),
        ("PUT", f"jobs/{service.job_id}"),
        ("POST", f"jobs/{service.job_id}/trigger"),
    ):
        answer = service.client.call(
            method, f"/api/v1/projects/{service.project.id}/{path}", bearer(service.token), body=body
        )
        assert answered(answer).status in {400, 409, 422}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted(DOCUMENT["components"]["schemas"]["Job"]["properties"])


@few
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_a_field_of_any_type_is_answered(service: Service, fields: dict[str, Any]) -> None:
    jobs = f"/api/v1/projects/{service.project.id}/jobs"

    answered(service.client.call("POST", jobs, bearer(service.token), body=fields))
    answered(service.client.call("PUT", f"{jobs}/{service.job_id}", bearer(service.token), body=fields))


VALUES = st.text(
    string.printable.replace("\r", "").replace("\n", "").replace("\x0b", "").replace("\x0c", ""), max_size=60
)


@few
@given(st.sampled_from(["Authorization", "X-Organization-ID", "Idempotency-Key", "Accept", "Content-Type"]), VALUES)
def test_any_header_is_answered(service: Service, name: str, value: str) -> None:
    headers = [bearer(service.token), (name, value)] if name != "Authorization" else [(name, value)]

    path = f"/api/v1/projects/{service.project.id}/jobs"
    answered(service.client.call("POST", path, *headers, body={"name": 1}))


@few
@given(st.text("jat_0123456789abcdefABC-_", max_size=80), st.sampled_from(["Bearer ", "bearer  ", "", "Basic "]))
def test_an_unknown_token_is_unauthorized(service: Service, token: str, scheme: str) -> None:
    for text in (token, f"jat_{token}", f"{service.token[:21]}{token}"):
        answer = service.client.call("GET", "/api/v1/jobs", ("Authorization", f"{scheme}{text}"))
        assert answered(answer).status == 401


@few
@given(st.text("ABCDEFabcdef0123456789-_=%", max_size=200))
def test_an_invented_cursor_is_refused(service: Service, cursor: str) -> None:
    path = f"/api/v1/projects/{service.project.id}/runs?cursor=x{cursor}"

    assert answered(service.client.call("GET", path, bearer(service.token))).status == 422


def test_the_job_still_exists_after_all_invalid_requests(service: Service) -> None:
    assert store.get_job(service.organization.id, service.project.id, service.job_id)[1].id == service.job_id
