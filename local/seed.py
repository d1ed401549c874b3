"""Creates what `make run` starts with: two organizations, the example projects, and tokens for them."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jobs_api import store
from jobs_api.auth import tokens
from jobs_api.errors import Conflict, NotFound
from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.notifications.slack.bot_token import store_bot_token
from jobsctl import operations, usage_keys
from local.emulator.database import Database
from local.example_projects import EXAMPLES, Example
from local.kubernetes_api import KubernetesApi, Refused
from local.organizations import ORGANIZATION, ORGANIZATIONS, OTHER_ORGANIZATION

_KEPT = "seeds"
_TOKENS = ("token", "admin_token", "reader_token", "other_token")


@dataclass(frozen=True)
class Seeds:
    """The created objects; the texts of tokens are stored for `make run` only."""

    projects: list[Project]
    token: str
    admin_token: str
    reader_token: str
    other_token: str


def seed_service(home: Path, slack_token: str, database: Database) -> Seeds:
    """Fill empty tables. Tables that an earlier start filled stay unchanged, and the tokens stay the same.

    If an earlier start was interrupted, this one adds what is missing.
    """
    kept = database.setting(_KEPT)
    before: dict[str, str] = json.loads(kept) if kept else {}
    if not kept:
        _seed_store(home, slack_token)
    seeds = Seeds(
        projects=_projects(),
        token=_token(before.get("token"), ORGANIZATION, Role.DEVELOPER),
        admin_token=_token(before.get("admin_token"), ORGANIZATION, Role.ADMIN),
        reader_token=_token(before.get("reader_token"), ORGANIZATION, Role.READER),
        other_token=_token(before.get("other_token"), OTHER_ORGANIZATION, Role.DEVELOPER),
    )
    text = json.dumps({name: getattr(seeds, name) for name in _TOKENS})
    if text != kept:
        database.keep_setting(_KEPT, text)
    return seeds


def _seed_store(home: Path, slack_token: str) -> None:
    for organization in ORGANIZATIONS:
        store_bot_token(organization, slack_token)
        with suppress(Conflict):
            operations.create_organization(organization)
        # The gateway reads keys from the same store, so it knows a new key at once.
        usage_keys.give(organization, settling=timedelta())
    known = {project.settings.name for project in store.list_projects(ORGANIZATION)}
    for example in EXAMPLES:
        if example.name not in known:
            _create_project(example, home)


def _projects() -> list[Project]:
    try:
        return store.list_projects(ORGANIZATION)
    except NotFound:
        # An operator has deleted the organization.
        return []


def seed_cluster(api: KubernetesApi, home: Path) -> list[str]:
    """Create the namespaces, the projects' Secrets, and a Job that deploys each project as its CI would.

    Returns a line for each object that the cluster refused, with what to do about it. A real cluster may grant only the
    rights of deploy/kubernetes/jobs-api.yaml, and with these an operator has to create namespaces and Secrets.
    """
    refused = [line for organization in ORGANIZATIONS for line in _seed_namespace(api, organization)]
    for example in EXAMPLES:
        for path, document in _cluster_objects(example, home):
            name = document["metadata"]["name"]
            try:
                api.create(path, document, again=_has_failed)
            except Refused as error:
                refused.append(f"{name} of {ORGANIZATION} was not made, which example jobs may need: {error}")
    return refused


def _has_failed(found: dict[str, Any]) -> bool:
    """Return whether a Job that deploys a project failed, as when `make run` was stopped meanwhile: it is run again."""
    return any(
        one["type"] == "Failed" and one["status"] == "True" for one in found.get("status", {}).get("conditions", [])
    )


def _seed_namespace(api: KubernetesApi, name: str) -> Iterator[str]:
    try:
        api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    except Refused as error:
        # A client may have rights in a namespace without the right to create it; a list shows that.
        if not api.may_list(f"/apis/batch/v1/namespaces/{name}/cronjobs"):
            yield f"{name} has no CronJobs until deploy/kubernetes/jobs-api.yaml is applied for it: {error}"


def _create_project(example: Example, home: Path) -> None:
    # The folder must exist before the first job opens the database.
    example.environment(home)
    operations.create_project(
        ORGANIZATION,
        {
            "name": example.name,
            "project_type": example.project_type,
            "image": example.image,
            "working_directory": str(example.working_directory),
            "environment_secret": example.environment_secret,
            "artifacts": example.project_type is ProjectType.DBT,
            "deployed": True,
        },
    )


def _token(kept: str | None, organization: str, role: Role) -> str:
    """Return the token of an earlier start if it is valid, else a new one."""
    if kept and tokens.authenticate(f"Bearer {kept}", store.find_token, datetime.now(UTC)):
        return kept
    try:
        text, _ = operations.create_token(organization, role, days=None, description="make run")
    except (Conflict, NotFound):
        # An operator has deleted the organization, or is about to.
        return kept or ""
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
        # The Job has no labels of this service, because it deploys the project and is not a run of a job.
        "metadata": {"name": f"deploy-{example.name}"},
        "spec": {
            "backoffLimit": 0,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    yield f"/apis/batch/v1/namespaces/{ORGANIZATION}/jobs", job
