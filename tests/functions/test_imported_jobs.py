"""An import has all that a job can be set to: its plan is empty, and another project gets the same jobs from it."""

from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from jobs_cli.as_code import importing, jobs_file

from jobs_api.ids import new_id
from jobs_api.model.commands import ProjectType
from tests.functions.people import Person, new_project

MASK = "***"
# Texts that YAML reads as something else without quotation marks, and that this file gives a meaning.
ODD = ["on", "null", "~", "007", "1.50", "1e3", "17:00", "2026-01-01", "a: b", "- #", "${A}", "$${A}"]
TEXTS = st.sampled_from([*ODD, "", "a\nb\n", "\n", "a\r\nb", "\t", "\u2028", "\ufeff", "日本 😀", "x" * 300]) | st.text(
    st.characters(codec="utf-8"), max_size=20
)
NAMES = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=10)
# One of these names says that its value is secret.
VARIABLES = st.sampled_from(["A", "on", "null", "y", "DB_PASSWORD"])
STATUSES = st.lists(st.sampled_from(["failed", "error"]), min_size=1, unique=True)
EVENTS = st.lists(st.sampled_from(["started", "success", "failure", "cancelled", "late"]), min_size=1, unique=True)
QUANTITIES = st.fixed_dictionaries({}, optional={"cpu": st.sampled_from(["2", 2, "2500m"]), "memory": st.just("1e9")})
SLACK = st.fixed_dictionaries({"slack_channel": st.just("#a")}, optional={"slack_alerts_enabled": st.booleans()})
WEBHOOK = st.fixed_dictionaries(
    {"webhook_url": st.just("https://example.com/x")}, optional={"webhook_enabled": st.booleans()}
)
JOBS = st.fixed_dictionaries(
    {
        "command": st.sampled_from(["dbt build", "dbt run --vars '{\"a\": \"b: c\"}' --select  +x", "dbt test # all"]),
        "schedule": st.sampled_from(["0 2 * * *", "@daily", " */5\t* * * MON-fri", "0 2 ? * *"]),
    },
    optional={
        "description": TEXTS,
        "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "enabled": st.booleans(),
        "paused_until": st.just("2026-05-01T00:00:00Z"),
        "concurrency_policy": st.sampled_from(["Allow", "Forbid", "Replace"]),
        "timeout_seconds": st.integers(10, 100),
        "starting_deadline_seconds": st.integers(10, 100),
        "resources": st.fixed_dictionaries({}, optional={"requests": st.just({"cpu": "0.5"}), "limits": QUANTITIES}),
        "environment": st.dictionaries(VARIABLES, TEXTS.filter(lambda text: "\0" not in text), max_size=3),
        "retries": st.integers(0, 5),
        "retry_delay_seconds": st.integers(0, 3600),
        "retry_on": STATUSES,
        "slack": SLACK,
        "webhook": WEBHOOK,
        "webhook_headers": st.dictionaries(st.sampled_from(["X-A", "on"]), st.sampled_from(["1", "on"]), max_size=2),
        "webhook_events": EVENTS,
        "expect": st.sampled_from([{"finish_by": "00:00"}, {"finish_by": "07:00", "max_minutes": 9}]),
        "run_after": st.lists(
            st.fixed_dictionaries({"at": st.integers(0, 3)}, optional={"on": STATUSES}), max_size=2, unique_by=str
        ),
    },
)  # fmt: skip


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a job, without the groups of those that need each other."""
    groups = {name: fields[name] for name in ("slack", "webhook") if name in fields}
    return {key: value for key, value in fields.items() if key not in groups} | {
        key: value for group in groups.values() for key, value in group.items()
    }


def created(alice: Person, path: str, fields: dict[str, Any], earlier: list[dict[str, Any]]) -> dict[str, Any]:
    """Create a job by its own call; what it runs after is given as places among the earlier jobs."""
    after = {str(one["at"]): one for one in fields.get("run_after", ()) if one["at"] < len(earlier)}.values()
    body = without(fields, "run_after")
    if after:
        body["run_after"] = [{"job_id": earlier[one["at"]]["id"], **without(one, "at")} for one in after]
    answer = alice.call("POST", f"{path}/jobs", body)
    assert answer.status == 201, answer.text
    return dict(answer.json)


def imported(alice: Person, path: str) -> list[dict[str, Any]]:
    """Return the jobs of an import; the order of those that were created in the same second is not theirs."""
    jobs = importing.content_of({"jaffle": alice.call("GET", f"{path}/jobs").json["jobs"]})["projects"]["jaffle"]
    return sorted(jobs["jobs"], key=lambda job: str(job["name"]))


def with_secrets(job: Any, sent: dict[str, Any]) -> dict[str, Any]:
    """Return a job of the file with the values that its masks stand for, as a person writes them into it."""
    return {
        field: {key: sent[field][key] if one == MASK else one for key, one in value.items()}
        if field in {"environment", "webhook_headers"}
        else value
        for field, value in job.items()
    }


@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(listed=st.lists(st.tuples(NAMES, JOBS), min_size=1, max_size=4))
@example(listed=[(name, {"command": "dbt build", "schedule": "@daily", "description": name}) for name in ODD])
def test_an_import_changes_nothing_and_makes_the_same_jobs_elsewhere(
    alice: Person, listed: list[tuple[str, dict[str, Any]]]
) -> None:
    source, copy = (new_project(alice.organization_id, f"p {new_id()}", ProjectType.DBT) for _ in range(2))
    here, there = (f"/api/v1/projects/{one.id}" for one in (source, copy))
    jobs: list[dict[str, Any]] = []
    sent = [{"name": f"{name} {at}", **flat(fields)} for at, (name, fields) in enumerate(listed)]
    for fields in sent:
        jobs.append(created(alice, here, fields, jobs))

    content = imported(alice, here)
    (project,) = jobs_file.parse(importing.text_of({"projects": {"jaffle": {"jobs": content}}}), "jobs.yml")
    plan = alice.call("POST", f"{here}/apply", {"jobs": list(project.jobs), "prune": True}, query={"dry_run": "true"})

    assert [one["action"] for one in plan.json["changes"]] == ["none"] * len(jobs), plan.text
    values = {fields["name"]: fields for fields in sent}
    filled = [with_secrets(job, values[job["name"]]) for job in project.jobs]
    applied = alice.call("POST", f"{there}/apply", {"jobs": filled})
    assert applied.json["remaining"] == 0, applied.text
    assert imported(alice, there) == content
