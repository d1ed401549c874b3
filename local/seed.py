"""What `make run` begins with: two organizations, the example projects, and tokens to try them with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jobs_api import store
from jobs_api.errors import Conflict
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.notifications.slack.bot_token import store_bot_token
from jobsctl import operations, usage_keys
from local.example_projects import EXAMPLES, Example
from local.kubernetes_api import KubernetesApi, Refused
from local.organizations import ORGANIZATION, ORGANIZATIONS, OTHER_ORGANIZATION


@dataclass(frozen=True)
class Seeds:
    """What was made; tokens as their texts, which are kept nowhere else."""

    projects: list[Project]
    token: str
    reader_token: str
    other_token: str


def seed_service(home: Path, slack_token: str) -> Seeds:
    """Fill the tables with what is not there yet, and issue new tokens."""
    for organization in ORGANIZATIONS:
        store_bot_token(organization, slack_token)
        try:
            operations.create_organization(organization)
        except Conflict:
            # It is there from an earlier call.
            continue
        # The gateway beside this looks keys up where they were made, and so knows each at once.
        usage_keys.give(organization, settling=timedelta())
    known = {project.settings.name: project for project in store.list_projects(ORGANIZATION)}
    return Seeds(
        projects=[known.get(example.name) or _create_project(example, home) for example in EXAMPLES],
        token=_token(ORGANIZATION, Role.DEVELOPER),
        reader_token=_token(ORGANIZATION, Role.READER),
        other_token=_token(OTHER_ORGANIZATION, Role.DEVELOPER),
    )


def seed_cluster(api: KubernetesApi, home: Path) -> list[str]:
    """Create the namespaces, the projects' secrets, and a Job that deploys each project as its CI would.

    Returns what the cluster refused, and what is to be done about that, a line each: a real cluster may allow no more
    than deploy/kubernetes/jobs-api.yaml does, by whose rights namespaces and secrets are made by somebody else.
    """
    refused = [line for organization in ORGANIZATIONS for line in _seed_namespace(api, organization)]
    for example in EXAMPLES:
        for path, document in _cluster_objects(example, home):
            try:
                api.create(path, document)
            except Refused as error:
                name = document["metadata"]["name"]
                refused.append(f"{name} of {ORGANIZATION} was not made, which example jobs may need: {error}")
    return refused


def _seed_namespace(api: KubernetesApi, name: str) -> Iterator[str]:
    try:
        api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    except Refused as error:
        # Whoever may work in a namespace without being allowed to make one finds out by a list.
        if not api.may_list(f"/apis/batch/v1/namespaces/{name}/cronjobs"):
            yield f"{name} has no CronJobs until deploy/kubernetes/jobs-api.yaml is applied for it: {error}"


def _create_project(example: Example, home: Path) -> Project:
    # The database is opened by the first job; its folder must be there by then.
    example.environment(home)
    return operations.create_project(
        ORGANIZATION,
        {
            "name": example.name,
            "project_type": example.project_type,
            "image": example.image,
            "working_directory": str(example.working_directory),
            "environment_secret": example.environment_secret,
            "deployed": True,
        },
    )


def _token(organization: str, role: Role) -> str:
    text, _ = operations.create_token(organization, role, days=None, description="make run")
    return text


def _cluster_objects(example: Example, home: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    secret = {
        "metadata": {"name": example.environment_secret},
        "type": "Opaque",
        "stringData": example.environment(home),
    }
    yield f"/api/v1/namespaces/{ORGANIZATION}/secrets", secret
    container = {
        "name": "deploy",
        "image": example.image,
        "command": list(example.deploy_command),
        "workingDir": str(example.working_directory),
        "envFrom": [{"secretRef": {"name": example.environment_secret}}],
    }
    job = {
        # Without our labels: it is the project's own deployment, not a run of a job.
        "metadata": {"name": f"deploy-{example.name}"},
        "spec": {
            "backoffLimit": 0,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    yield f"/apis/batch/v1/namespaces/{ORGANIZATION}/jobs", job
