"""The steps of CONTRIBUTING.md's recipes; each test names the file that was forgotten."""

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, get_args, get_protocol_members, get_type_hints

import pytest
from annotated_types import MaxLen
from pynamodb.attributes import Attribute
from pynamodb.indexes import Index
from pynamodb.models import Model
from samtranslator.yaml_helper import yaml_parse

from jobs_api.k8s import manifests
from jobs_api.model.alert_targets import EndsTarget, EventsTarget
from jobs_api.model.commands import DBT_SUBCOMMANDS
from jobs_api.model.document import Document
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.notifications.channels import CHANNELS
from jobs_api.notifications.protocol import Channel, Sender
from jobs_api.notifications.slack import sending as slack_sending
from jobs_api.notifications.slack.channel import SLACK
from jobs_api.store.audit_rows import AuditRow
from jobs_api.store.delivery_rows import DeliveriesRow
from jobs_api.store.project_rows import ProjectsRow
from jobs_api.store.run_rows import RunRow
from local.inbox.application import RECEIVERS
from tests.functions.people import ROUTES
from tests.repository.test_documentation import first_cells, headings, section
from tests.unit.k8s.test_manifests import NOON, job, project

ROOT: Final = Path(__file__).parents[2]
RESOURCES: Final[dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
CHANNEL_FOLDERS: Final = ROOT / "layers/shared/python/jobs_api/notifications"
# Packages that every module may import, as the contracts of pyproject.toml say.
SHARED: Final = {"aws_lambda_powertools", "pydantic"}
PAGES: Final = {page.name: page.read_text() for page in (ROOT / "docs").glob("*.md")}
TABLES: Final[dict[str, type[Model]]] = {
    "ProjectsTable": ProjectsRow,
    "RunsTable": RunRow,
    "DeliveriesTable": DeliveriesRow,
    "AuditTable": AuditRow,
}

# A field of a job.

# For each field of a job a value other than its default, and whether that value changes the CronJob.
OTHER_VALUES: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "name": ({"name": "weekly"}, False),
    "description": ({"description": "all of it"}, False),
    "command": ({"command": "dbt build"}, True),
    "run_after": ({"run_after": [{"job_id": "job_seed"}]}, False),
    "schedule": ({"schedule": "@weekly"}, True),
    "timezone": ({"timezone": "Europe/Berlin"}, True),
    "enabled": ({"enabled": False}, True),
    "concurrency_policy": ({"concurrency_policy": "Replace"}, True),
    "timeout_seconds": ({"timeout_seconds": 60}, True),
    "starting_deadline_seconds": ({"starting_deadline_seconds": 60}, True),
    "paused_until": ({"paused_until": "2026-05-04T06:00:00Z"}, True),
    "pause_reason": ({"paused_until": "2026-04-01T06:00:00Z", "pause_reason": "moving"}, False),
    "resources": ({"resources": {"limits": {"memory": "2Gi"}}}, True),
    "environment": ({"environment": {"DAY": "monday"}}, True),
    "retries": ({"retries": 2}, False),
    "retry_delay_seconds": ({"retry_delay_seconds": 5}, False),
    "retry_on": ({"retry_on": ["error"]}, False),
    "slack_alerts_enabled": ({"slack_alerts_enabled": True, "slack_channel": "#data"}, False),
    "slack_alert_on_warning": ({"slack_alert_on_warning": True, "slack_channel": "#data"}, False),
    "slack_alert_on_success": ({"slack_alert_on_success": True, "slack_channel": "#data"}, False),
    "slack_channel": ({"slack_channel": "#data"}, False),
    "webhook_enabled": ({"webhook_enabled": True, "webhook_url": "https://example.com/hook"}, False),
    "webhook_url": ({"webhook_url": "https://example.com/hook"}, False),
    "webhook_headers": ({"webhook_headers": {"X-Team": "data"}}, False),
    "webhook_events": ({"webhook_events": ["started"]}, False),
    "expect": ({"expect": {"finish_by": "07:00", "max_minutes": 45}}, False),
}


@pytest.mark.parametrize("field", sorted(JobSettings.model_fields))
def test_a_field_of_a_job_changes_its_cronjob_or_is_known_not_to(field: str) -> None:
    assert field in OTHER_VALUES, f"give {field} another value here, and use it in k8s/manifests.py if the pod needs it"
    values, changes = OTHER_VALUES[field]

    plain, other = (manifests.cronjob(project(), job(project(), **fields), NOON) for fields in ({}, values))

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
    "get_me": "name the token",
    "list_projects": "list projects",
    "create_project": "make a project",
    "update_project": "change a project",
    "delete_project": "delete a project",
    "list_tokens": "list tokens",
    "create_token": "make a token",
    "revoke_token": "revoke a token",
    "get_project": "read a project",
    "preview_schedule": "preview a schedule",
    "cancel_run": "cancel a run",
    "retry_run": "retry a run",
    "create_job": "create a job",
    "apply_jobs": "apply a list of jobs",
    "delete_job": "delete a job",
    "get_job": "read a job",
    "get_job_history": "list a job's versions",
    "list_slots": "list a job's slots",
    "get_live_job": "a live call",
    "get_live_logs": "a live call",
    "get_run": "read a run",
    "get_run_logs": "read a run's log",
    "get_run_results": "read a run's results",
    "list_artifacts": "list a run's artifacts",
    "get_artifact": "download an artifact",
    "get_latest_artifact": "download an artifact of the last success",
    "store_artifacts": "a pod stores artifacts",
    "list_audit_log": "read the audit log",
    "list_deliveries": "list deliveries",
    "list_jobs": "list jobs",
    "list_live_jobs": "a live call",
    "list_model_executions": "list model executions",
    "list_model_stats": "statistics of models",
    "list_runs": "list runs",
    "list_daily_stats": "statistics of runs",
    "list_all_runs": "list the runs of all projects",
    "redeliver": "redeliver",
    "rollback_job": "roll back a job",
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


def missing_of(channel: object) -> list[str]:
    """Name what a channel lacks of what everyone asks of one, with where it belongs."""
    name = getattr(channel, "name", "<channel>")
    folder = f"notifications/{name}/channel.py"
    missing = [f"{folder}: {piece}" for piece in get_protocol_members(Channel) if not hasattr(channel, piece)]
    if missing:
        return sorted(missing)
    known: Any = channel
    if known.address_field not in JobSettings.model_fields:
        missing.append(f"model/job_settings.py: the field {known.address_field}, which is the address of {name}")
    targets = get_args(get_type_hints(known.target)["return"])
    if not any(issubclass(kind, (EventsTarget, EndsTarget)) for kind in targets):
        missing.append(f"{folder}: which events {name} hears of: its target is no EventsTarget and no EndsTarget")
    sender = known.sender()
    pieces = sorted(piece for piece in get_protocol_members(Sender) if not callable(getattr(sender, piece, None)))
    return [*missing, *(f"notifications/{name}/sending.py: {piece}" for piece in pieces)]


@pytest.mark.parametrize("channel", CHANNELS, ids=attrgetter("name"))
def test_a_channel_has_every_member_of_its_protocol(channel: Channel) -> None:
    assert not missing_of(channel)


@pytest.mark.parametrize("channel", CHANNELS, ids=attrgetter("name"))
def test_a_channel_has_a_folder_tests_a_receiver_on_the_laptop_and_a_section(channel: Channel) -> None:
    tests = [ROOT / "tests" / kind / channel.name for kind in ("notifications", "unit/notifications")]

    assert (CHANNEL_FOLDERS / channel.name / "__init__.py").is_file(), "its folder has its name"
    assert [*chain.from_iterable(folder.glob("test_*.py") for folder in tests)], f"tests in {tests}"
    assert channel.name in RECEIVERS, "local/inbox/application.py has no receiver for it"
    assert any(channel.name in title for title in headings(PAGES["notifications.md"])), (
        "docs/notifications.md has no section"
    )


def test_every_folder_of_a_channel_is_registered() -> None:
    folders = {folder.parent.name for folder in CHANNEL_FOLDERS.glob("*/__init__.py")}

    assert folders == {channel.name for channel in CHANNELS}, "notifications/channels.py"


@pytest.mark.parametrize("channel", CHANNELS, ids=attrgetter("name"))
def test_nothing_outside_its_folder_imports_the_client_of_a_channel(channel: Channel) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    folder = f"jobs_api.notifications.{channel.name}."
    for client in _foreign_imports(CHANNEL_FOLDERS / channel.name) - SHARED:
        guards = [one["allowed_importers"] for one in contracts if client in one.get("protected_modules", ())]
        assert any(importer.startswith(folder) for guard in guards for importer in guard), (
            f"pyproject.toml: a contract that keeps {client} to {folder}*"
        )


def _foreign_imports(folder: Path) -> set[str]:
    """Return the packages of others that the modules of a folder import, wherever in them."""
    nodes = [node for file in folder.glob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    packages = {name.partition(".")[0] for name in names if not name.startswith("mypy_boto3_")}
    return packages - sys.stdlib_module_names - {"jobs_api"}


@dataclass(frozen=True)
class Pager:
    """A channel that somebody began: it lacks what a test takes from it, and says of nothing when it hears."""

    name: str = "pager"
    sends: str = "page"
    address_field: str = "description"

    def target(self, job: Job) -> Document | None:
        return job.settings

    def sender(self) -> object:
        return slack_sending


@pytest.mark.parametrize("piece", sorted(get_protocol_members(Channel)))
def test_a_missing_member_of_a_channel_is_named(piece: str) -> None:
    pieces = {name: getattr(Pager(), name) for name in get_protocol_members(Channel)}
    del pieces[piece]

    [missing] = missing_of(SimpleNamespace(**pieces))

    assert missing.endswith(f"/channel.py: {piece}")


@pytest.mark.parametrize("piece", sorted(get_protocol_members(Sender)))
def test_a_missing_member_of_a_sender_is_named(piece: str) -> None:
    pieces = {name: getattr(slack_sending, name) for name in get_protocol_members(Sender) - {piece}}
    channel = SimpleNamespace(**{name: getattr(SLACK, name) for name in get_protocol_members(Channel)})
    channel.sender = lambda: SimpleNamespace(**pieces)

    assert missing_of(channel) == [f"notifications/slack/sending.py: {piece}"]


def test_a_channel_with_unknown_events_or_addresses_is_named() -> None:
    channel = Pager(address_field="pager_number")

    assert missing_of(channel) == [
        "model/job_settings.py: the field pager_number, which is the address of pager",
        "notifications/pager/channel.py: which events pager hears of: its target is no EventsTarget and no EndsTarget",
    ]


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
            "keys": _keys(index),
            "holds": sorted(index.Meta.projection.non_key_attributes or [index.Meta.projection.projection_type]),
        }
        for index in row._indexes.values()
    }


def _keys(index: Index[Any]) -> list[str]:
    attributes: dict[str, Attribute[Any]] = index.Meta.attributes
    keys = [attribute for attribute in attributes.values() if attribute.is_hash_key or attribute.is_range_key]
    return [attribute.attr_name for attribute in sorted(keys, key=lambda attribute: attribute.is_range_key)]


@pytest.mark.parametrize("table", TABLES)
def test_an_index_is_the_same_in_the_template_and_in_the_rows(table: str) -> None:
    assert _indexes_of(TABLES[table]) == _indexes_of_the_template(table), "jobs_api/store against template.yaml"


def test_every_index_of_the_template_has_rows_here() -> None:
    assert {name for name, item in RESOURCES.items() if item["Properties"].get("GlobalSecondaryIndexes")} == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_an_index_and_its_keys_are_in_the_data_model(table: str) -> None:
    page = section(PAGES["data-model.md"], f"{table.removesuffix('Table')} table")

    for name, index in _indexes_of_the_template(table).items():
        hash_key, *range_keys = index["keys"]
        named = [f"`{name}`: `{hash_key}`", *(f"`{key}`" for key in range_keys)]
        assert [words for words in named if words not in page] == [], f"docs/data-model.md, {table}"
