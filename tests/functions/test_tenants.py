"""No organization sees or touches what another owns: every route of template.yaml, with another organization's ids."""

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs_api import store
from jobs_api.errors import RunNotFound
from jobs_api.ids import new_id
from jobs_api.ingest.ingester import Incomplete, Pass
from jobs_api.k8s import labels, manifests
from jobs_api.k8s.observed import observe
from jobs_api.live import documents
from jobs_api.model import names
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.commands import ProjectType
from jobs_api.model.delivery import new_delivery
from jobs_api.model.organization import Role
from jobs_api.model.run import Run, RunStatus
from jobs_api.store import deliveries
from tests.functions.acme import Acme, eventually
from tests.functions.people import ROUTES, Answer, Person, new_organization, new_project
from tests.functions.test_authorize_request import issue
from tests.unit.model.test_slots import NOON, a_job, a_project

pytestmark = pytest.mark.slow

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
# Only the Pod of a run may call these; test_run_artifacts.py tests that.
FOR_PODS = ("POST", "/api/v1/runs/{run_id}/artifacts")
WITH_IDS = sorted((method, path) for method, path in ROUTES if "{" in path and (method, path) != FOR_PODS)
CHANGES = sorted((method, path) for method, path in ROUTES if method != "GET")
# For each route that writes, a body that it accepts.
BODY = {"name": "mine", "command": "dbt build", "schedule": "@hourly"}
TRIGGERS = {"command_override": "dbt test"}


@dataclass(frozen=True)
class Owned:
    """The ids of what Alice owns, by the segment before an id in a path; `made_up` has ids that nobody has."""

    acme: Acme
    project: str
    job: str
    run: str
    live: str
    delivery: str
    token: str

    def path(self, route: str) -> str:
        """Fill the ids into a route."""
        mine = {"projects": self.project, "project-jobs": self.job, "runs": self.run, "jobs": self.live}
        return _filled(route, mine | {"deliveries": self.delivery, "tokens": self.token})

    def made_up(self, route: str) -> str:
        """Fill in ids that nobody has."""
        made_up = {"projects": "proj_nobody", "project-jobs": "job_nobody", "runs": "run_nobody", "jobs": "nobodys-job"}
        made_up["tokens"] = "0nobody"
        return _filled(route, made_up)

    def digest(self) -> str:
        """Return something that changes with anything in Alice's project."""
        organization, project_id = self.acme.organization.id, self.project
        project, jobs = store.list_jobs(organization, project_id)
        content = [project.model_dump_json(), *(job.model_dump_json() for job in jobs)]
        content += [run.model_dump_json() for run in self.acme.runs()]
        content += [job["metadata"]["name"] for page in self._live() for job in page]
        content += [token.model_dump_json() for token in store.list_tokens(organization)]
        content.append(deliveries.get(organization, self.job, self.delivery).model_dump_json())
        return hashlib.sha256("\n".join(content).encode()).hexdigest()

    def _live(self) -> Any:
        return self.acme.cluster.list_jobs(self.acme.organization.namespace, "")


def _filled(route: str, ids: dict[str, str]) -> str:
    parts = route.split("/")
    for at, part in enumerate(parts):
        if part.startswith("{"):
            kind = parts[at - 1]
            nested = kind == "jobs" and "projects" in parts
            parts[at] = ids.get("project-jobs" if nested else kind, f"{kind}_nobody")
    return "/".join(parts)


def _without_ids(answer: Answer, path: str) -> dict[str, Any]:
    """Return an error's body without what differs between any two requests: the request's id, and the ids asked for."""
    body = dict(answer.json)
    del body["request_id"]
    text = json.dumps(body)
    for part in path.split("/"):
        if "_" in part or "-" in part or (len(part) > 6 and not part.isalpha()):
            text = text.replace(part, "?")
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def owned(acme: Acme) -> Owned:
    """Alice's project, job, a Job in the cluster, a run with its log and a delivery."""
    job = acme.finish("echo secret")
    acme.ingest()
    run = acme.only_run()
    assert run.status is RunStatus.SUCCESS
    delivery = new_delivery(run_that_tells(run), Event.FAILURE, "slack", acme.now(), timedelta(days=1))
    assert deliveries.create(delivery)
    return Owned(acme, acme.project.id, acme.job.id, run.id, job["metadata"]["name"], delivery.id, issue(acme.alice)[1])


def run_that_tells(run: Run) -> Run:
    """Return a run as if its job had a Slack channel."""
    slack = {"channel": "#data", "failures": True, "successes": False}
    alerts = RunAlerts(project_name="jaffle", project_type="dbt", job_name="nightly", targets={"slack": slack})
    return run.model_copy(update={"alerts": alerts})


@pytest.fixture
def mallory(acme: Acme) -> Person:
    """An admin of another organization, with a namespace of its own in the same cluster."""
    organization = new_organization("mallory")
    acme.write("POST", "/api/v1/namespaces", {"metadata": {"name": organization.namespace}})
    return Person(organization.id, Role.ADMIN)


def _body_for(method: str, path: str) -> dict[str, Any] | None:
    if method in {"GET", "DELETE"}:
        return None
    return TRIGGERS if path.endswith("/trigger") else BODY if path.endswith(("/jobs", "/{job_id}")) else {}


@pytest.mark.parametrize(("method", "route"), WITH_IDS, ids=[f"{method} {path}" for method, path in WITH_IDS])
def test_objects_of_another_organization_are_not_found(owned: Owned, mallory: Person, method: str, route: str) -> None:
    before = owned.digest()
    path, made_up = owned.path(route), owned.made_up(route)

    answer = mallory.call(method, path, _body_for(method, route))
    nobodys = mallory.call(method, made_up, _body_for(method, route))

    assert (answer.status, answer.json["code"]) == (404, "not_found"), answer.text
    assert _without_ids(answer, path) == _without_ids(nobodys, made_up)
    assert owned.digest() == before


@pytest.mark.parametrize(("method", "route"), CHANGES, ids=[f"{method} {path}" for method, path in CHANGES])
def test_a_reader_changes_nothing_by_any_route(owned: Owned, method: str, route: str) -> None:
    before = owned.digest()
    reader = Person(owned.acme.organization.id, Role.READER)

    answer = reader.call(method, owned.path(route), _body_for(method, route))

    assert (answer.status, answer.json["code"]) == (403, "forbidden"), answer.text
    assert owned.digest() == before


@pytest.mark.parametrize(
    ("method", "route"), sorted(ROUTES), ids=[f"{method} {path}" for method, path in sorted(ROUTES)]
)
def test_a_token_is_good_only_for_its_own_organization(owned: Owned, mallory: Person, method: str, route: str) -> None:
    before = owned.digest()
    headers = {"X-Organization-ID": owned.acme.organization.id}

    answer = mallory.call(method, owned.path(route), _body_for(method, route), headers=headers)

    assert (answer.status, answer.json["code"]) == (403, "forbidden"), answer.text
    assert owned.digest() == before


@pytest.mark.parametrize(
    "route", [(method, path) for method, path in WITH_IDS if "/projects/{id}/jobs/{" in path], ids=" ".join
)
def test_a_project_of_ones_own_is_no_door_to_anothers_job(
    owned: Owned, mallory: Person, route: tuple[str, str]
) -> None:
    method, path = route
    mine = new_project(mallory.organization_id, "mine", ProjectType.DBT)
    before = owned.digest()

    answer = mallory.call(method, owned.path(path).replace(owned.project, mine.id), _body_for(method, path))

    assert (answer.status, answer.json["code"]) == (404, "not_found"), answer.text
    assert owned.digest() == before


def test_lists_without_an_id_hold_only_ones_own(owned: Owned, mallory: Person) -> None:
    assert mallory.call("GET", "/api/v1/jobs").json == {"jobs": [], "total": 0}
    assert mallory.call("GET", "/api/v1/jobs", query={"project": "jaffle"}).json["total"] == 0
    assert owned.acme.alice.call("GET", "/api/v1/jobs").json["total"] == 1
    for query in ({}, {"project_id": owned.project}, {"job_id": owned.job}, {"status": "success"}):
        assert mallory.call("GET", "/api/v1/runs", query=query).json == {"runs": []}
        assert len(owned.acme.alice.call("GET", "/api/v1/runs", query=query).json["runs"]) == 1
    assert mallory.call("GET", "/api/v1/projects").json == {"projects": [], "total": 0}
    assert mallory.call("GET", "/api/v1/projects", query={"name": "jaffle"}).json == {"projects": [], "total": 0}
    assert owned.acme.alice.call("GET", "/api/v1/projects", query={"name": "jaffle"}).json["total"] == 1


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("runs", "job_id"),
        ("runs", "caused_by"),
        ("runs?include_stats=true", "job_id"),
        ("runs/daily-stats?days=30", "job_id"),
        ("artifacts/latest/manifest.json", "job_id"),
    ],
)
def test_an_id_of_another_organization_in_a_query_finds_what_a_made_up_one_does(
    owned: Owned, mallory: Person, path: str, named: str
) -> None:
    mine = new_project(mallory.organization_id, "mine", ProjectType.DBT)
    path, _, given = path.partition("?")
    asked = dict(one.split("=") for one in given.split("&") if one)

    theirs, nobodys = (
        mallory.call("GET", f"/api/v1/projects/{mine.id}/{path}", query={**asked, named: one})
        for one in (owned.run if named == "caused_by" else owned.job, f"{named[:3]}_nobody")
    )

    assert theirs.status == nobodys.status
    if theirs.status == 200:
        assert theirs.json == nobodys.json
        assert not theirs.json.get("runs")
        assert not any(day["total_runs"] for day in theirs.json.get("days", []))
    else:
        assert _without_ids(theirs, "") == _without_ids(nobodys, "")


@pytest.mark.parametrize("reference", ["id", "run_after by id", "run_after by name"])
def test_a_list_of_jobs_reaches_no_job_of_another_organization(owned: Owned, mallory: Person, reference: str) -> None:
    mine = new_project(mallory.organization_id, "mine", ProjectType.DBT)
    before = owned.digest()
    job = {
        "id": {**BODY, "id": owned.job},
        "run_after by id": {**BODY, "run_after": [{"job_id": owned.job}]},
        "run_after by name": {**BODY, "run_after": [{"job": owned.acme.job.settings.name}]},
    }[reference]

    for query in ({"dry_run": "true"}, {}):
        answer = mallory.call("POST", f"/api/v1/projects/{mine.id}/apply", {"jobs": [job], "prune": True}, query=query)
        assert answer.status == 422, answer.text
        assert all(fault.startswith("jobs[0].") for fault in answer.faulty_fields)
    assert owned.digest() == before
    assert mallory.call("GET", f"/api/v1/projects/{mine.id}/jobs").json["total"] == 0


def test_a_cursor_is_good_for_no_other_kind_of_list(owned: Owned) -> None:
    owned.acme.triggered()
    admin = Person(owned.acme.organization.id, Role.ADMIN)
    project, job = f"/api/v1/projects/{owned.project}", f"/api/v1/projects/{owned.project}/jobs/{owned.job}"
    lists = {"runs": f"{project}/runs", "jobs": f"{project}/jobs", "history": f"{job}/history"}
    lists |= {"deliveries": f"{job}/deliveries", "executions": f"{project}/model-executions"}
    lists |= {"audit-log": "/api/v1/audit-log", "all runs": "/api/v1/runs"}
    cursor = admin.call("GET", f"{project}/runs", query={"limit": "1"}).json["next_cursor"]

    answers = {name: admin.call("GET", path, query={"cursor": cursor}) for name, path in lists.items()}

    assert {name for name, answer in answers.items() if answer.status == 200} == {"runs"}
    assert {answer.status for name, answer in answers.items() if name != "runs"} == {422}


@pytest.mark.parametrize(
    "project",
    [
        "jaffle,jobs-api.dev/organization={organization}",
        "jaffle,jobs-api.dev/organization!=x",
        "jaffle in (a,b)",
        "!jobs-api.dev/organization",
        "\N{GRINNING FACE}",
        "--",
        "%00",
        "\0",
        "j" * 100,
    ],
)
def test_a_project_name_is_no_selector(owned: Owned, mallory: Person, project: str) -> None:
    project = project.format(organization=owned.acme.organization.id)

    for person in (owned.acme.alice, mallory):
        answer = person.call("GET", "/api/v1/jobs", query={"project": project})
        assert answer.status == 200, answer.text
        assert answer.json == {"jobs": [], "total": 0}


@pytest.mark.parametrize(
    "key",
    [
        "../{organization}",
        "..%2f{organization}",
        "{organization}/../{organization}",
        "/{run}",
        "{run}.log.gz",
        "{run}/../{run}",
        "run_x#META",
        "META",
        "",
        "\0{run}",
        "{run}\n",
        "r" * 65_536,
    ],
)
def test_a_run_id_is_no_path_to_another_log(owned: Owned, mallory: Person, key: str) -> None:
    run_id = key.format(organization=owned.acme.organization.id, run=owned.run)

    for person in (owned.acme.alice, mallory):
        with pytest.raises(RunNotFound):
            store.get_run(person.organization_id, run_id)


def test_a_log_lies_under_its_own_organization_and_project(owned: Owned) -> None:
    run = store.get_run(owned.acme.organization.id, owned.run)

    assert run.log
    assert run.log.key == f"logs/{owned.acme.organization.id}/{owned.project}/{owned.run}.log.gz"


@pytest.mark.parametrize(
    "name", ["x,jobs-api.dev/organization=org-b", "a/b=c", "a: b\n  c", "{}", "é" * 100, "-" * 99 + "a"]
)
def test_names_of_projects_and_jobs_never_write_a_label_of_their_own(name: str) -> None:
    for label in (names.label(name), names.cronjob_name(name, name)):
        assert names.is_dns_label(label)


def test_a_job_that_somebody_else_labelled_as_another_organizations_stays_hidden(owned: Owned, mallory: Person) -> None:
    forged = owned.acme.manifest("true")
    forged["metadata"]["name"] = f"forged-{new_id()}"
    forged["metadata"]["labels"]["jobs-api.dev/organization"] = mallory.organization_id
    owned.acme.cluster.create_job(forged)

    path = f"/api/v1/jobs/{forged['metadata']['name']}"
    assert owned.acme.alice.call("GET", path).status == 404
    assert mallory.call("GET", path).status == 404
    assert mallory.call("GET", "/api/v1/jobs").json["total"] == 0


ANY_NAME = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=99).map(lambda name: f"{name}a")


@settings(max_examples=200, deadline=None)
@given(ANY_NAME, ANY_NAME)
@example("x,jobs-api.dev/organization=org-b", "jobs-api.dev/project=y")
@example("a/b=c", "--- \N{GRINNING FACE} 1")
def test_whatever_project_and_job_are_called_their_labels_are_of_the_same_kinds_and_their_own(
    project_name: str, job_name: str
) -> None:
    project = a_project(name=project_name)
    job = a_job(project, name=job_name)
    plain_project = a_project()
    plain = manifests.cronjob(plain_project, a_job(plain_project), NOON)

    made = manifests.cronjob(project, job, NOON)

    found, usual = made["metadata"]["labels"], plain["metadata"]["labels"]
    assert found.keys() == usual.keys()
    assert {key for key in found if found[key] != usual[key]} <= {labels.PROJECT}
    assert all(LABEL_VALUE.fullmatch(value) for value in found.values())
    assert names.is_dns_label(made["metadata"]["name"])
    # `?project=` adds exactly one term to the selector: no name can end its term and begin another.
    terms = dict(term.split("=") for term in documents.jobs_selector("org-acme", project_name).split(","))
    assert terms == {key: found[key] for key in terms} | {labels.ORGANIZATION: "org-acme"}


def test_a_cursor_of_another_organization_is_refused(owned: Owned, mallory: Person) -> None:
    alice, theirs = owned.acme.alice, f"/api/v1/projects/{owned.project}/runs"
    owned.acme.triggered()
    cursor = alice.call("GET", theirs, query={"limit": "1"}).json["next_cursor"]
    project = new_project(mallory.organization_id, "mine", ProjectType.DBT)
    second = new_project(alice.organization_id, "second", ProjectType.DBT)

    for person, asked in ((mallory, project), (alice, second)):
        for what in ("runs", "jobs"):
            answer = person.call("GET", f"/api/v1/projects/{asked.id}/{what}", query={"cursor": cursor})
            assert (answer.status, answer.faulty_fields) == (422, ["cursor"])
    assert mallory.call("GET", theirs, query={"cursor": cursor}).status == 404
    assert alice.call("GET", theirs, query={"cursor": cursor}).status == 200


def test_a_key_that_another_organization_used_means_nothing_here(owned: Owned, mallory: Person) -> None:
    project = new_project(mallory.organization_id, "mine", ProjectType.DBT, deployed=False)
    key = {"Idempotency-Key": "the-same"}

    made = owned.acme.alice.call("POST", f"/api/v1/projects/{owned.project}/jobs", BODY, headers=key)
    mine = mallory.call("POST", f"/api/v1/projects/{project.id}/jobs", BODY, headers=key)
    not_mine = mallory.call("POST", f"/api/v1/projects/{owned.project}/jobs", BODY, headers=key)

    assert (made.status, mine.status, not_mine.status) == (201, 201, 404)
    assert made.json["id"] != mine.json["id"]
    assert "Idempotent-Replayed" not in mine.headers


def test_a_job_that_claims_to_be_another_organizations_run_changes_nothing_of_it(owned: Owned, mallory: Person) -> None:
    before, log = owned.digest(), owned.acme.log_of(store.get_run(owned.acme.organization.id, owned.run))
    organization = store.get_organization(mallory.organization_id)
    claimed = owned.acme.manifest("echo mine now", owned.run)
    claimed["metadata"] |= {"namespace": organization.namespace, "name": f"claimed-{new_id()}"}
    claimed["metadata"]["labels"]["jobs-api.dev/organization"] = organization.id
    job = owned.acme.cluster.create_job(claimed)
    name = job["metadata"]["name"]
    eventually(lambda: observe(owned.acme.cluster.get_job(organization.namespace, name)).finished)

    with suppress(Incomplete):
        Pass(organization, owned.acme.cluster, owned.acme.now).run()

    assert owned.digest() == before
    assert owned.acme.log_of(store.get_run(owned.acme.organization.id, owned.run)) == log
    with pytest.raises(RunNotFound):
        store.get_run(mallory.organization_id, owned.run)
