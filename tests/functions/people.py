"""The people in these tests, their projects, and how they call an endpoint.

Alice's organization has a dbt and a SQLMesh project, both deployed; Charlie is a stranger with one of his own.
"""

import base64
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext
from samtranslator.yaml_helper import yaml_parse

from jobs_api import cluster as clusters
from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.ids import new_id
from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Organization, Role
from jobs_api.model.project import Project, ProjectSettings
from local.functions import PAYLOAD_LIMIT_BYTES
from tests.http_answer import HttpAnswer

NOON = datetime(2026, 4, 28, 12, 0, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent.parent
# The prefix of a route's path in `path` and in `requestContext.path`: only `requestContext.path` has the stage, and
# both have a custom domain's base path. https://github.com/localstack/localstack/pull/12296 shows AWS's answers.
ON_ITS_OWN_ADDRESS = ("", "/dev")
ON_A_DOMAIN = ("", "")
UNDER_A_BASE_PATH = ("/data", "/data")


@dataclass
class Context:
    """The context that Lambda gives a function."""

    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = field(default_factory=new_id)

    def get_remaining_time_in_millis(self) -> int:
        """Return all of the 25 seconds."""
        return 25_000


class Answer(HttpAnswer):
    """An endpoint's answer."""

    @property
    def faulty_fields(self) -> list[str]:
        """The fields that an error blames, in order."""
        return [fault["field"] for fault in self.json["errors"]]


@dataclass(frozen=True)
class Person:
    """A user with a token of an organization."""

    organization_id: str
    role: Role = Role.DEVELOPER
    token_name: str = "CI of the warehouse"

    def authorized(self) -> dict[str, str]:
        """Return what the authorizer says of the token."""
        known = {"organization_id": self.organization_id, "role": self.role.value, "token_id": "token"}
        return known | ({"token_name": self.token_name} if self.token_name else {})

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        at: datetime = NOON,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | list[str]] | None = None,
        before: tuple[str, str] = ON_ITS_OWN_ADDRESS,
    ) -> Answer:
        """Send a request, as API Gateway would pass it to the route's function in template.yaml.

        `before` precedes the route's path in the event's two paths, as in the API's address. A body of bytes is passed
        in base64, as API Gateway passes binary bodies. A list in `query` is a parameter that is given several times.
        """
        resource, function = _route(method, path)
        binary = isinstance(body, bytes)
        text = base64.b64encode(body).decode() if binary else body
        text = text if isinstance(text, str) or text is None else json.dumps(text)
        given = {name: value if isinstance(value, list) else [value] for name, value in (query or {}).items()}
        event = {
            "resource": resource,
            "path": before[0] + path,
            "httpMethod": method,
            "headers": dict(headers or {}),
            "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
            "queryStringParameters": {name: values[-1] for name, values in given.items()} or None,
            "multiValueQueryStringParameters": given or None,
            "pathParameters": _parameters(resource, path),
            "requestContext": {
                "requestId": new_id(),
                "requestTimeEpoch": int(at.timestamp() * 1000),
                "httpMethod": method,
                "resourcePath": resource,
                "path": before[1] + path,
                "stage": "dev",
                "authorizer": {"principalId": "token", **self.authorized()},
            },
            "body": text,
            "isBase64Encoded": binary,
        }
        handler = importlib.import_module(f"{function.replace('/', '.')}.app").lambda_handler
        result = handler(event, cast("LambdaContext", Context()))
        assert len(json.dumps(result)) <= PAYLOAD_LIMIT_BYTES, "Lambda passes no such answer on"
        joined = {name: ", ".join(values) for name, values in result["multiValueHeaders"].items()}
        return Answer(result["statusCode"], joined, result["body"])


def _routes(*, public: bool) -> dict[tuple[str, str], str]:
    """Return the function's folder for each method and path of template.yaml that need no token, or that do."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): resource["Properties"]["CodeUri"]
        for resource in resources.values()
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] == "Api" and (event["Properties"].get("Auth", {}).get("Authorizer") == "NONE") is public
    }


# The endpoints of the API. The pages for people, which need no token, do not count as endpoints.
ROUTES = _routes(public=False)
PAGES = _routes(public=True)


def _route(method: str, path: str) -> tuple[str, str]:
    wanted = path.split("/")
    for (verb, resource), function in ROUTES.items():
        parts = resource.split("/")
        same_length = verb == method and len(parts) == len(wanted)
        if same_length and all(p == w or p.startswith("{") for p, w in zip(parts, wanted, strict=True)):
            return resource, function
    raise LookupError(f"template.yaml has no route {method} {path}")


def _parameters(resource: str, path: str) -> dict[str, str] | None:
    parts = zip(resource.split("/"), path.split("/"), strict=True)
    return {part[1:-1]: value for part, value in parts if part.startswith("{")} or None


def new_organization(name: str = "acme") -> Organization:
    """Write an organization that no other test knows."""
    organization = Organization(id=f"org-{name}-{new_id()}", name=name, created_at=NOON, marked_at=NOON)
    store.create_organization(organization)
    return organization


def new_project(organization_id: str, name: str, project_type: ProjectType, **settings: Any) -> Project:
    """Write a project, which is deployed unless the arguments say otherwise."""
    project = Project(
        id=new_id("proj_"),
        organization_id=organization_id,
        settings=ProjectSettings(
            name=name,
            project_type=project_type,
            image=project_type.value,
            working_directory="/project",
            **{"deployed": True, **settings},
        ),
        cursor_key=new_id(),
        created_at=NOON,
        updated_at=NOON,
    )
    store.create_project(project)
    return project


def cluster_with_namespace(organization_id: str) -> Cluster:
    """Connect to the organization's cluster, and make the organization's namespace there."""
    cluster = clusters.connect(store.get_organization(organization_id))
    cluster._connection.write("POST", "/api/v1/namespaces", {"metadata": {"name": organization_id}})
    return cluster
