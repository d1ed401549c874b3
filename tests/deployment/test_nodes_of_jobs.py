"""The policy of docs/deploy.md that sends runs to certain nodes changes their Pods, and no other object of ours."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs_api.k8s import manifests
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project, ProjectSettings
from jobs_api.sync.trial import pod_of

NOON = datetime(2026, 4, 28, 12, 0, 0, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    (block,) = re.findall(r"```yaml\n(# With Kyverno.+?)```", PAGE.read_text(), re.DOTALL)
    read: dict[str, Any] = yaml.safe_load(block)
    return read


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    settings = ProjectSettings.model_validate({"name": "shop", "project_type": "dbt", "image": "shop:1"})
    times = {"created_at": NOON, "updated_at": NOON}
    project = Project(id="p", organization_id="org-acme", settings=settings, cursor_key="k", version=1, **times)
    nightly = JobSettings.of({"name": "nightly", "command": "dbt run", "schedule": "0 2 * * *"}, project)
    ids = {"id": "j", "organization_id": "org-acme", "project_id": "p", "cronjob_name": "shop-nightly"}
    return pod_of(manifests.cronjob(project, Job(settings=nightly, version=1, **ids, **times), NOON))


def test_the_policy_selects_the_pods_of_runs(policy: dict[str, Any], pod: dict[str, Any]) -> None:
    (rule,) = policy["spec"]["rules"]
    (selected,) = (one["resources"] for one in rule["match"]["any"])

    assert (selected["kinds"], selected["operations"]) == (["Pod"], ["CREATE"])
    assert selected["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_the_policy_makes_no_rules_for_cronjobs_and_jobs(policy: dict[str, Any]) -> None:
    assert policy["metadata"]["annotations"] == {"pod-policies.kyverno.io/autogen-controllers": "none"}


def test_a_pod_says_nothing_of_nodes_that_the_policy_would_overwrite(
    policy: dict[str, Any], pod: dict[str, Any]
) -> None:
    (rule,) = policy["spec"]["rules"]

    assert not rule["mutate"]["patchStrategicMerge"]["spec"].keys() & pod["spec"].keys()
