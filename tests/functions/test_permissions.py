"""Every function has exactly the permissions that it uses. Runs last, with the records of all other tests.

That a function does nothing it may not is held by each test, through `within_its_policy`.
"""

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import yaml
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto.sqs.models import sqs_backends

from functions.handle_pulse import app as handle_pulse
from functions.restore_pulses import app as restore_pulses
from jobs_api import cluster, store
from jobs_api.model.commands import ProjectType
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from local.intrinsics import ACCOUNT, REGION
from local.template import Template, read
from tests.functions import passes
from tests.functions.people import ROOT, Context, Person, new_organization, new_project
from tests.functions.test_run_artifacts import authorized
from tests.notifications.notification_world import new_job, new_run
from tests.permissions import policies, template_grants
from tests.permissions.record import MOST_SECONDS_APART, ClusterCall, Record, left_by_others
from tests.permissions.recording import Recorder

# The first test that reads the other workers' records may wait for these.
pytestmark = pytest.mark.timeout(MOST_SECONDS_APART + 60)

MANIFEST = ROOT / "deploy/kubernetes/jobs-api.yaml"
CONTEXT = cast("LambdaContext", Context())
# The Kubernetes groups that have access to the cluster; each has a ClusterRole of the same name.
GROUPS = ("jobs-api", "jobs-api-reader")
READS_OF_STREAMS = {
    f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
}

# AWS defines no resource for this action:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
ONLY_FOR_ALL = {"events:ListRules"}


@pytest.fixture(scope="module")
def template() -> Template:
    return read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")


@pytest.fixture
def recorded(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The calls so far, in this process and in the other workers of a run, which are done then."""
    together = Record()
    together.add(recorder.record)
    if "PYTEST_XDIST_WORKER" in os.environ:
        for record in left_by_others(tmp_path_factory.getbasetemp().parent):
            together.add(record)
    return together


@pytest.fixture
def whole_suite(request: pytest.FixtureRequest) -> None:
    """Skip what makes no sense after a part of the tests."""
    config = request.config
    part = config.args_source is pytest.Config.ArgsSource.ARGS and config.args != ["tests"]
    if part or config.option.keyword or config.option.markexpr or config.getoption("lf", default=False):
        pytest.skip("only the whole suite sees everything that functions do")


def asked(method: str, path: str) -> Callable[[Person], Any]:
    return lambda person: person.call(method, path)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(asked("GET", "/api/v1/jobs"), id="list_live_jobs"),
        pytest.param(asked("GET", "/api/v1/jobs/x"), id="get_live_job"),
        pytest.param(asked("GET", "/api/v1/jobs/x/logs"), id="get_live_logs"),
        pytest.param(lambda person: passes.sync(person.organization_id), id="sync"),
        pytest.param(lambda person: passes.ingest(person.organization_id), id="ingest"),
    ],
)
def test_a_cluster_function_may_ask_eks_where_its_cluster_is(
    alice: Person, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Person], Any]
) -> None:
    monkeypatch.delenv("JOBS_API_KUBECONFIG", raising=False)
    try:
        answer = ask(alice)
    except cluster.ClusterUnavailable:
        return
    assert answer.status == 503


def test_a_trigger_may_ask_eks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBS_API_KUBECONFIG", raising=False)
    alice = Person(new_organization("eks").id)
    project = new_project(alice.organization_id, "jaffle", ProjectType.DBT)
    path = f"/api/v1/projects/{project.id}/jobs"
    job = alice.call("POST", path, {"name": "x", "command": "dbt run", "schedule": "@daily"}).json

    assert alice.call("POST", f"{path}/{job['id']}/trigger").status == 202


def test_a_cancel_may_ask_eks_too(jaffle: Project, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(new_job(jaffle)[0], jaffle, RunStatus.RUNNING)
    monkeypatch.delenv("JOBS_API_KUBECONFIG", raising=False)

    assert alice.call("POST", f"/api/v1/runs/{run.id}/cancel").status == 202


@pytest.mark.parametrize("path", ["logs", "results"])
def test_a_function_that_follows_a_log_may_ask_eks_too(
    jaffle: Project, alice: Person, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    run = new_run(new_job(jaffle)[0], jaffle, RunStatus.RUNNING, job_uid="uid")
    monkeypatch.delenv("JOBS_API_KUBECONFIG", raising=False)

    assert alice.call("GET", f"/api/v1/runs/{run.id}/{path}", query={"after": ""}).status == 503


def test_a_retry_may_ask_eks_too(jaffle: Project, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(new_job(jaffle)[0], jaffle, RunStatus.FAILED)
    monkeypatch.delenv("JOBS_API_KUBECONFIG", raising=False)

    assert alice.call("POST", f"/api/v1/runs/{run.id}/retry").status == 202


def test_the_authorizer_of_pods_may_ask_eks_too(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = new_organization("eks")
    monkeypatch.delenv("JOBS_API_KUBECONFIG", raising=False)
    claims = json.dumps({"kubernetes.io": {"namespace": organization.namespace}}).encode()

    with pytest.raises(cluster.ClusterUnavailable):
        authorized(f"e30.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.c2ln", "run_mine")

    assert {"dynamodb:GetItem", "eks:DescribeCluster"} <= {one.action for one in recorder.record.asked["authorize_pod"]}


def test_a_pass_sends_the_next_pulse() -> None:
    organization = new_organization("pulsed")
    asked = {"organization_id": organization.id, "asked_at": datetime.now(UTC).isoformat()}
    sample = json.loads((ROOT / "events/handle_pulse.json").read_text())["Records"][0]

    handle_pulse.lambda_handler({"Records": [{**sample, "body": json.dumps(asked)}]}, CONTEXT)

    generation = store.get_organization(organization.id).pulse.generation
    sent = waiting_pulses(organization.id)
    assert {"organization_id": organization.id, "generation": generation, "announces": True} in sent


def waiting_pulses(organization_id: str) -> list[dict[str, Any]]:
    """Return an organization's messages in the queue of pulses, those with a delay too; moto keeps them there."""
    queues = sqs_backends[ACCOUNT][REGION].queues
    queue = queues[os.environ["PULSE_QUEUE"].rpartition("/")[2]]
    bodies = [json.loads(message.body) for message in queue._messages]
    return [body for body in bodies if body["organization_id"] == organization_id]


def test_ticks_reach_the_queue() -> None:
    new_organization("ticked")

    restore_pulses.lambda_handler(json.loads((ROOT / "events/restore_pulses.json").read_text()), CONTEXT)


@pytest.mark.usefixtures("whole_suite")
def test_no_function_is_allowed_what_it_never_does(template: Template, recorded: Record) -> None:
    polled = template_grants.polled(template)
    unused = [
        f"{function} never needs {grant}"
        for function, granted in template_grants.grants(template).items()
        for grant in granted
        if not any(grant.covers(call) for call in recorded.asked[function] | polled.get(function, set()))
    ]

    assert not unused, "\n".join(unused)


@pytest.mark.usefixtures("whole_suite")
def test_the_boundary_is_no_wider_than_all_policies_together(template: Template) -> None:
    granted = {
        (grant.action, grant.resource) for policies in template_grants.grants(template).values() for grant in policies
    }
    services = {action.partition(":")[0] for action, _ in granted}
    bounds = {
        grant.action for grant in template_grants.boundary(template) if grant.action.partition(":")[0] in services
    }

    # A managed policy of AWS allows what Lambda needs to read a stream.
    assert bounds - READS_OF_STREAMS == {action for action, _ in granted}


def test_no_policy_has_an_action_or_a_resource_for_all(template: Template) -> None:
    for function, granted in template_grants.grants(template).items():
        for grant in granted:
            assert "*" not in grant.action, f"{function}: {grant}"
            assert grant.resource != "*" or grant.action in ONLY_FOR_ALL, f"{function}: {grant}"


@pytest.mark.parametrize("group", GROUPS)
def test_a_cluster_role_allows_what_functions_do_there(template: Template, recorded: Record, group: str) -> None:
    assert _made(recorded, _members(template)[group]) <= _cluster_roles()[group]


@pytest.mark.usefixtures("whole_suite")
@pytest.mark.parametrize("group", GROUPS)
def test_a_cluster_role_allows_nothing_else(template: Template, recorded: Record, group: str) -> None:
    assert _cluster_roles()[group] == _made(recorded, _members(template)[group])


def test_the_role_of_live_calls_can_change_nothing() -> None:
    assert {verb for verb, _, _ in _cluster_roles()["jobs-api-reader"]} <= {"get", "list", "watch"}


def test_nothing_but_the_issuers_keys_is_allowed_outside_namespaces() -> None:
    (binding,) = (document for document in _manifest() if document["kind"] == "ClusterRoleBinding")
    (role,) = (one for one in _manifest() if one["metadata"]["name"] == "jobs-api-issuer" and "rules" in one)

    assert (binding["roleRef"]["name"], [who["name"] for who in binding["subjects"]]) == (
        "jobs-api-issuer",
        [GROUPS[1]],
    )
    paths = ["/.well-known/openid-configuration", "/openid/v1/jwks"]
    assert role["rules"] == [{"nonResourceURLs": paths, "verbs": ["get"]}]


def test_the_roles_hold_only_in_organizations_namespaces() -> None:
    bindings = [document for document in _manifest() if document["kind"] == "RoleBinding"]

    assert {binding["metadata"]["namespace"] for binding in bindings} == {"org-acme"}
    assert {binding["roleRef"]["name"]: [who["name"] for who in binding["subjects"]] for binding in bindings} == {
        group: [group] for group in GROUPS
    }


def test_every_cluster_function_has_an_access_entry_with_its_group(template: Template) -> None:
    assert _members(template) == {
        "jobs-api": {"trigger_job", "cancel_run", "retry_run", "handle_pulse"},
        "jobs-api-reader": {
            "list_live_jobs",
            "get_live_job",
            "get_live_logs",
            "get_run_logs",
            "get_run_results",
            "authorize_pod",
        },
    }
    assert set().union(*_members(template).values()) == set(_cluster_functions(template).values())


def test_the_outputs_name_the_same_roles_for_further_clusters(template: Template) -> None:
    folders = _cluster_functions(template)
    named = {
        group: {folders[arn.rpartition("-")[2]] for arn in template.output(output).split(",")}
        for group, output in (("jobs-api", "ClusterRoles"), ("jobs-api-reader", "ClusterReaderRoles"))
    }

    assert named == _members(template)


def test_a_job_asks_for_the_namespaces_default_account_and_no_token() -> None:
    (account,) = (document for document in _manifest() if document["kind"] == "ServiceAccount")

    assert (account["metadata"]["name"], account["automountServiceAccountToken"]) == ("default", False)


def test_an_operators_policy_allows_what_jobsctl_does(recorded: Record) -> None:
    # One test of jobsctl reads a table that belongs to no stack.
    calls = {call for call in recorded.operated if not call.resource.endswith("/none-of-this-name")}

    assert not {str(call) for call in calls if not any(grant.covers(call) for grant in policies.granted("operate"))}


@pytest.mark.usefixtures("whole_suite")
def test_an_operators_policy_allows_nothing_else(recorded: Record) -> None:
    unused = [
        str(grant) for grant in policies.granted("operate") if not any(grant.covers(call) for call in recorded.operated)
    ]

    assert not unused


def _cluster_functions(template: Template) -> dict[str, str]:
    """Return the folder of each function that speaks to a cluster, by its role."""
    folders = {function.logical_id: function.code.name for function in template.functions()}
    return {
        f"{function.logical_id}Role": folders[function.logical_id]
        for function in template.resources("AWS::Lambda::Function")
        if any("KubernetesLayer" in layer for layer in function.properties["Layers"])
    }


def _members(template: Template) -> dict[str, set[str]]:
    """Return the functions of each group, as the access entries have them."""
    folders = _cluster_functions(template)
    members: dict[str, set[str]] = {}
    for entry in template.resources("AWS::EKS::AccessEntry"):
        (group,) = entry.properties["KubernetesGroups"]
        members.setdefault(group, set()).add(folders[entry.properties["PrincipalArn"].rpartition("-")[2]])
    return members


def _made(recorded: Record, functions: set[str]) -> set[ClusterCall]:
    return {call for call, who in recorded.cluster_calls.items() if who & functions}


def _cluster_roles() -> dict[str, set[ClusterCall]]:
    """Return what each group may do; a path outside namespaces stands for its resource."""
    documents = _manifest()
    bindings = [one for one in documents if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    groups = {one["roleRef"]["name"]: one["subjects"][0]["name"] for one in bindings}
    allowed: dict[str, set[ClusterCall]] = {}
    for role in documents:
        if role["kind"] == "ClusterRole":
            allowed.setdefault(groups[role["metadata"]["name"]], set()).update(
                (verb, group, resource)
                for rule in role["rules"]
                for group in rule.get("apiGroups", [""])
                for resource in rule.get("resources", []) + rule.get("nonResourceURLs", [])
                for verb in rule["verbs"]
            )
    return allowed


def _manifest() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFEST.read_text()))
