"""Writes the jobs that there are as a file, which applied changes nothing. Secrets are left as masks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jobs_cli.answers import Answer
from jobs_cli.as_code import yaml_file

# Fields that the service adds to a job, or that people change without the file.
NOT_WRITTEN: Final = {
    "id", "project_id", "created_at", "updated_at", "cronjob_name", "next_run_at", "sync", "webhook_secret",
    "paused_until", "pause_reason",
}  # fmt: skip
# tests/cli/test_as_code_schema.py holds them to the API's.
DEFAULTS: Final[Mapping[str, Any]] = {
    "timezone": "UTC", "enabled": True, "retries": 0, "retry_delay_seconds": 60, "retry_on": ["failed", "error"],
    "slack_alerts_enabled": False, "slack_alert_on_success": False, "slack_alert_on_warning": False,
    "webhook_enabled": False, "environment": {}, "resources": {},
}  # fmt: skip
HEADER: Final = """\
# yaml-language-server: $schema=jobs.schema.json
# For your editor: jobs-api schema > jobs.schema.json
# "***" keeps a secret that is stored. Write ${NAME} to take a value from the environment of `jobs-api apply`.
"""


def content_of(projects: Mapping[str, Sequence[Answer]]) -> dict[str, Any]:
    """Return what a file of these projects holds."""
    return {"projects": {name: {"jobs": _jobs(jobs)} for name, jobs in projects.items()}}


def text_of(content: Mapping[str, Any]) -> str:
    """Return the file."""
    import yaml  # noqa: PLC0415

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]
        def ignore_aliases(self, _data: object) -> bool:
            """Write a value that two jobs share twice: people edit each by itself."""
            return True

    # In YAML 1.1, which this library writes, `08` is a text; the programs that read the file take it for a number.
    Dumper.add_implicit_resolver("tag:yaml.org,2002:int", yaml_file.NUMBER, list("-+0123456789"))
    return HEADER + yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _jobs(jobs: Sequence[Answer]) -> list[dict[str, Any]]:
    called = {job["id"]: job["name"] for job in jobs}
    return [_job(job, called) for job in jobs]


def _job(job: Answer, called: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: value for name, value in job.items() if name not in NOT_WRITTEN}
    if fields.get("run_after"):
        fields["run_after"] = [_predecessor(one, called) for one in fields["run_after"]]
    if fields.get("resources"):
        fields["resources"] = {name: value for name, value in fields["resources"].items() if value}
    kept = {name: value for name, value in fields.items() if name == "name" or DEFAULTS.get(name) != value}
    return {name: _escaped(value) for name, value in kept.items()}


def _predecessor(predecessor: Mapping[str, Any], called: Mapping[str, str]) -> dict[str, Any]:
    named = (
        {"job": called[predecessor["job_id"]]} if predecessor["job_id"] in called else {"job_id": predecessor["job_id"]}
    )
    on = {"on": predecessor["on"]} if predecessor.get("on", ["success"]) != ["success"] else {}
    return named | on


def _escaped(value: Any) -> Any:
    """Return a value in which `${` stays what it is."""
    if isinstance(value, dict):
        return {name: _escaped(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    return re.sub(r"\$\{", "$${", value) if isinstance(value, str) else value
