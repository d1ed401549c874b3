"""What CONTRIBUTING.md's recipes ask for beside the change itself; each test names the file that was forgotten."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from annotated_types import MaxLen
from pynamodb.attributes import Attribute
from pynamodb.indexes import Index
from pynamodb.models import Model
from samtranslator.yaml_helper import yaml_parse

from jobs_api.k8s import manifests
from jobs_api.model.alert_targets import Channel, RunAlerts
from jobs_api.model.commands import DBT_SUBCOMMANDS
from jobs_api.model.job import JobSettings
from jobs_api.notifications.deliver import WAYS
from jobs_api.notifications.probe import TestOutcome
from jobs_api.store.delivery_tables import DeliveriesRow
from jobs_api.store.tables import ProjectsRow, RunRow
from tests.functions.people import ROUTES
from tests.repository.test_documentation import first_cells, headings, section
from tests.unit.k8s.test_manifests import job, project

ROOT: Final = Path(__file__).parents[2]
RESOURCES: Final[dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
PAGES: Final = {page.name: page.read_text() for page in (ROOT / "docs").glob("*.md")}
TABLES: Final[dict[str, type[Model]]] = {
    "ProjectsTable": ProjectsRow,
    "RunsTable": RunRow,
    "DeliveriesTable": DeliveriesRow,
}

# A field of a job.

# For each field of a job another value than its default, and whether its CronJob is another one then.
OTHER_VALUES: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "name": ({"name": "weekly"}, False),
    "description": ({"description": "all of it"}, False),
    "command": ({"command": "dbt build"}, True),
    "schedule": ({"schedule": "@weekly"}, True),
    "timezone": ({"timezone": "Europe/Berlin"}, True),
    "enabled": ({"enabled": False}, True),
    "resources": ({"resources": {"limits": {"memory": "2Gi"}}}, True),
    "environment": ({"environment": {"DAY": "monday"}}, True),
    "slack_alerts_enabled": ({"slack_alerts_enabled": True, "slack_channel": "#data"}, False),
    "slack_alert_on_success": ({"slack_alert_on_success": True, "slack_channel": "#data"}, False),
    "slack_channel": ({"slack_channel": "#data"}, False),
    "webhook_enabled": ({"webhook_enabled": True, "webhook_url": "https://example.com/hook"}, False),
    "webhook_url": ({"webhook_url": "https://example.com/hook"}, False),
    "webhook_headers": ({"webhook_headers": {"X-Team": "data"}}, False),
    "webhook_events": ({"webhook_events": ["started"]}, False),
}


@pytest.mark.parametrize("field", sorted(JobSettings.model_fields))
def test_a_field_of_a_job_changes_its_cronjob_or_is_known_not_to(field: str) -> None:
    assert field in OTHER_VALUES, f"give {field} another value here, and use it in k8s/manifests.py if the pod needs it"
    values, changes = OTHER_VALUES[field]

    plain, other = (manifests.cronjob(project(), job(project(), **said)) for said in ({}, values))

    assert (plain["spec"] != other["spec"]) is changes


@pytest.mark.parametrize("field", sorted(JobSettings.model_fields))
def test_a_field_of_a_job_is_explained(field: str) -> None:
    pages = ("jobs.md", "limits.md", "notifications.md")

    assert any(f"`{field}`" in PAGES[page] for page in pages), f"{field} is on none of {', '.join(pages)}"


def test_a_field_of_a_job_that_has_a_size_is_among_the_limits() -> None:
    sized = {name for name, field in JobSettings.model_fields.items() if MaxLen.__name__ in repr(field)}

    assert sized <= first_cells(section(PAGES["limits.md"], "A job")), "docs/limits.md, A job"


# An endpoint.

# Each endpoint's row in docs/data-model.md, «What each call costs».
CALLS: Final = {
    "create_job": "create a job",
    "delete_job": "delete a job",
    "get_job": "read a job",
    "get_live_job": "a live call",
    "get_live_logs": "a live call",
    "get_run": "read a run",
    "get_run_logs": "read a run's log",
    "list_deliveries": "list deliveries",
    "list_jobs": "list jobs",
    "list_live_jobs": "a live call",
    "list_runs": "list runs",
    "redeliver": "redeliver",
    "rotate_webhook_secret": "rotate the secret",
    "test_notifications": "a test of notifications",
    "trigger_job": "trigger",
    "update_job": "change a job",
}


def test_every_folder_of_functions_is_a_function_of_the_template() -> None:
    deployed = {
        resource["Properties"]["CodeUri"].removeprefix("functions/")
        for resource in RESOURCES.values()
        if resource["Type"] == "AWS::Serverless::Function"
    }

    assert deployed >= {app.parent.name for app in (ROOT / "functions").glob("*/app.py")}, "template.yaml"


def test_every_endpoint_has_its_cost_among_the_calls() -> None:
    costs = re.findall(r"^\| ([^|]+) \|", section(PAGES["data-model.md"], "What each call costs"), flags=re.MULTILINE)

    assert set(CALLS) == {function.removeprefix("functions/") for function in ROUTES.values()}, "add it to CALLS here"
    assert set(CALLS.values()) <= set(costs), "docs/data-model.md, What each call costs"


# A notification channel.


@pytest.mark.parametrize("channel", Channel)
def test_a_channel_has_all_that_a_channel_needs(channel: Channel) -> None:
    assert channel in WAYS, "notifications/deliver.py does not know how to deliver it"
    assert channel in RunAlerts.model_fields, "RunAlerts in model/alert_targets.py has no target for it"
    assert channel in TestOutcome.model_fields, "notifications/probe.py cannot test it"
    assert (ROOT / "layers/shared/python/jobs_api/notifications" / channel).is_dir()
    assert any(channel in name for name in JobSettings.model_fields), "no field of a job turns it on"
    assert any(channel in title for title in headings(PAGES["notifications.md"])), (
        "docs/notifications.md has no section"
    )


# A dbt subcommand.


def test_the_page_about_jobs_lists_the_dbt_subcommands() -> None:
    listed = re.search(r"^dbt's subcommands: (.+?)\.$", section(PAGES["jobs.md"], "Commands"), re.MULTILINE | re.DOTALL)

    assert listed
    assert re.findall(r"`([^`]+)`", listed[1]) == list(DBT_SUBCOMMANDS)


# A table index.


def _indexes_of_the_template(table: str) -> dict[str, dict[str, Any]]:
    """Return each index of a table as its keys, hash first, and what else it holds."""
    return {
        index["IndexName"]: {
            "keys": [key["AttributeName"] for key in index["KeySchema"]],
            "holds": sorted(index["Projection"].get("NonKeyAttributes", [index["Projection"]["ProjectionType"]])),
        }
        for index in RESOURCES[table]["Properties"].get("GlobalSecondaryIndexes", [])
    }


def _indexes_of(row: type[Model]) -> dict[str, dict[str, Any]]:
    """Return the same of a class of rows."""
    return {
        index.Meta.index_name: {
            "keys": [_key(index, hash_key=True), _key(index, hash_key=False)],
            "holds": sorted(index.Meta.projection.non_key_attributes or [index.Meta.projection.projection_type]),
        }
        for index in row._indexes.values()
    }


def _key(index: Index[Any], *, hash_key: bool) -> str:
    attributes: dict[str, Attribute[Any]] = index.Meta.attributes
    return next(one.attr_name for one in attributes.values() if (one.is_hash_key if hash_key else one.is_range_key))


@pytest.mark.parametrize("table", TABLES)
def test_an_index_is_the_same_in_the_template_and_in_the_rows(table: str) -> None:
    assert _indexes_of(TABLES[table]) == _indexes_of_the_template(table), "jobs_api/store against template.yaml"


def test_every_index_of_the_template_has_rows_here() -> None:
    assert {name for name, item in RESOURCES.items() if item["Properties"].get("GlobalSecondaryIndexes")} == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_an_index_and_its_keys_are_in_the_data_model(table: str) -> None:
    page = section(PAGES["data-model.md"], f"{table.removesuffix('Table')} table")

    for name, index in _indexes_of_the_template(table).items():
        hash_key, range_key = index["keys"]
        assert f"`{name}`: `{hash_key}`" in page, f"docs/data-model.md, {table}"
        assert f"`{range_key}`" in page, f"docs/data-model.md, {table}"
