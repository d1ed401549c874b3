"""Every limit in docs/limits.md, with the last accepted value and the first refused one."""

import json
from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model import firing_history
from jobs_api.model.commands import ProjectType
from jobs_api.model.firing_history import PausedSpan, PauseHistory
from jobs_api.model.periods import KEPT_BYTES, Period
from jobs_api.model.project import Project, ProjectSettings
from jobs_api.model.resources import Resources
from jobs_api.sealing import environment
from jobs_api.store import job_items
from jobs_api.store.project_rows import ProjectsRow
from jobs_api.store.run_rows import RunRow
from tests.functions.people import NOON, Person, new_project

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}
HOUR = timedelta(hours=1)
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
ITEM_BYTES = 400 * 1024
BODY_BYTES = 256 * 1024
LETTERS = ["x", "é", "€", "\N{GRINNING FACE}"]


def path(project: Project, job_id: str = "", call: str = "") -> str:
    return f"/api/v1/projects/{project.id}/jobs{job_id and f'/{job_id}'}{call}"


def padded(document: dict[str, Any], size: int) -> str:
    """Write a document in so many bytes."""
    text = json.dumps(document, ensure_ascii=False)
    return text + " " * (size - len(text.encode()))


# Bodies.


@pytest.mark.parametrize("letter", LETTERS)
def test_a_body_may_have_256_kib_and_no_byte_more(alice: Person, jaffle: Project, letter: str) -> None:
    document = BUILD | {"description": letter * 1_000}

    assert alice.call("POST", path(jaffle), padded(document, BODY_BYTES)).status == 201
    over = alice.call("POST", path(jaffle), padded(document, BODY_BYTES + 1))

    assert (over.status, over.json["code"]) == (413, "payload_too_large")


def test_a_body_in_base64_is_measured_decoded(alice: Person, jaffle: Project) -> None:
    assert alice.call("POST", path(jaffle), padded(BUILD, BODY_BYTES).encode()).status == 201
    assert alice.call("POST", path(jaffle), padded(BUILD, BODY_BYTES + 1).encode()).status == 413


# Fields.


def headers(bytes_in_all: int, count: int = 20) -> dict[str, str]:
    """Return headers that take so many bytes."""
    each, more = divmod(bytes_in_all, count)
    return {f"x-{n:02}": "v" * (each - 4 + (more if n == 0 else 0)) for n in range(count)}


DEVICES = [f"{'d' * 60}.{'e' * 60}.example/{n:050}" for n in range(50)]


def resources(size: int) -> dict[str, Any]:
    """Return limits of so many characters."""
    # Quantities may be a thousand characters long; each name takes 183 and is one of those that the project allows.
    quantities = dict.fromkeys(DEVICES, "1")
    left = size - sum(map(len, quantities)) - len(quantities)
    for name in quantities:
        more = min(left, 800)
        quantities[name], left = "0" * more + "1", left - more
    return {"limits": quantities}


@pytest.fixture
def jaffle(alice: Person) -> Project:
    """Alice's project, which lets its jobs ask for devices."""
    return new_project(alice.organization_id, "jaffle", ProjectType.DBT, allowed_resources=DEVICES)


FIELDS: dict[str, tuple[str, Any, Any]] = {
    "name": ("name", "n" * 100, "n" * 101),
    "description": ("description", "é" * 1_000, "é" * 1_001),
    "command": ("command", "dbt build -s ".ljust(4_096, "m"), "dbt build -s ".ljust(4_097, "m")),
    "schedule": ("schedule", f"00{',0' * 2_043} * * * *", f"0{',0' * 2_044} * * * *"),
    "variables": (
        "environment",
        {f"V{n}": "" for n in range(100)},
        {f"V{n}": "" for n in range(101)},
    ),
    **{
        f"environment in {len(letter.encode())} bytes a letter": (
            "environment",
            {"AB" if (32_768 - 1) % len(letter.encode()) else "A": letter * (32_767 // len(letter.encode()))},
            {"ABCD": letter * (32_768 // len(letter.encode()))},
        )
        for letter in LETTERS
    },
    "resources": ("resources", resources(16_384), resources(16_385)),
    "headers": ("webhook_headers", headers(400), headers(400, 21)),
    "bytes of headers": ("webhook_headers", headers(16_384), headers(16_385)),
    "url": (
        "webhook_url",
        "https://example.com/".ljust(2_048, "u"),
        "https://example.com/".ljust(2_049, "u"),
    ),
    "channel": ("slack_channel", "#" + "c" * 80, "#" + "c" * 81),
    "longest timeout": ("timeout_seconds", 2_592_000, 2_592_001),
    "shortest timeout": ("timeout_seconds", 10, 9),
    "longest starting deadline": ("starting_deadline_seconds", 604_800, 604_801),
    "shortest starting deadline": ("starting_deadline_seconds", 10, 9),
    "policy": ("concurrency_policy", "Replace", "replace"),
}


@pytest.mark.parametrize(("field", "most", "over"), FIELDS.values(), ids=FIELDS)
def test_a_field_takes_its_most_and_nothing_over_it(
    alice: Person, jaffle: Project, field: str, most: Any, over: Any
) -> None:
    taken = alice.call("POST", path(jaffle), BUILD | {field: most})
    refused = alice.call("POST", path(jaffle), BUILD | {"name": "another", field: over})

    assert taken.status == 201, taken.text
    masked = dict.fromkeys(most, "***") if field == "webhook_headers" else most
    assert taken.json[field] == masked
    assert alice.call("GET", path(jaffle, taken.json["id"])).json[field] == masked
    assert refused.status == 422
    assert refused.faulty_fields == [field]


@pytest.mark.parametrize(
    ("where", "parameter", "most"),
    [
        ("projects/{id}/jobs", "limit", 10_000),
        ("projects/{id}/runs", "limit", 500),
        ("jobs", "limit", 500),
        ("jobs/none/logs", "tail", 10_000),
    ],
)
def test_a_list_is_asked_for_in_pages_of_a_certain_size(
    alice: Person, jaffle: Project, where: str, parameter: str, most: int
) -> None:
    asked = f"/api/v1/{where.format(id=jaffle.id)}"

    for value in (0, most + 1):
        answer = alice.call("GET", asked, query={parameter: str(value)})
        assert (answer.status, answer.faulty_fields) == (422, [parameter])


def test_a_key_of_an_idempotent_request_has_up_to_255_characters(alice: Person, jaffle: Project) -> None:
    def create(key: str) -> int:
        return alice.call("POST", path(jaffle), BUILD, headers={"Idempotency-Key": key}).status

    assert [create("k" * 255), create("k" * 256)] == [201, 422]


# Items of the tables.


def size_of(item: dict[str, dict[str, Any]]) -> int:
    """Return what DynamoDB takes an item's size to be: its names and its values, in UTF-8."""
    return sum(len(name.encode()) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())


def largest(model: Any) -> int:
    # A page ends at a megabyte, and the table also has the items of other tests.
    page = model._get_connection().scan()
    found = [size_of(item) for item in page["Items"]]
    while begin := page.get("LastEvaluatedKey"):
        page = model._get_connection().scan(exclusive_start_key=begin)
        found += [size_of(item) for item in page["Items"]]
    return max(found)


# A control character takes six bytes as JSON, more than any other byte.
LARGEST: dict[str, Any] = {
    "name": "\N{GRINNING FACE}" * 99 + "n",
    "description": "\x01" * 1_000,
    "command": "dbt run --select ".ljust(4_096, "é"),
    "schedule": f"00{',0' * 2_043} * * * *",
    "timezone": "America/Argentina/ComodRivadavia",
    "environment": {f"V{n:02}": "\x01" * 324 for n in range(100)},
    "resources": resources(16_384),
    "slack_channel": "#" + "é" * 80,
    "slack_alerts_enabled": True,
    "webhook_enabled": True,
    "webhook_url": "https://example.com/".ljust(2_048, "u"),
    "webhook_headers": headers(16_384),
    "webhook_events": ["started", "success", "failure"],
}


def make_largest(alice: Person, project: Project) -> str:
    """Make a job of nothing but the most, as JSON of 256 KiB can say it, and return its id."""
    made = alice.call("POST", path(project), json.dumps(LARGEST, ensure_ascii=False))
    assert made.status == 201, made.text
    return str(made.json["id"])


def test_the_largest_job_fits_into_its_item_however_often_it_was_changed(alice: Person, jaffle: Project) -> None:
    _, job = store.get_job(alice.organization_id, jaffle.id, make_largest(alice, jaffle))

    for hour in range(40):
        # Between two edits lies a slot that stays open for ten minutes, so each firing is kept.
        schedule = f"{10 + hour}{f',{10 + hour}' * 1_300} * * * *"
        job = job.changed({"schedule": schedule}, jaffle, NOON + timedelta(hours=hour + 2), lambda _: {})

    assert len(job.slots.unsettled) > 10
    assert sum(len(firing.model_dump_json()) for firing in job.slots.unsettled) <= KEPT_BYTES
    assert 1 < len(job.pauses.past) < 40
    assert sum(len(span.model_dump_json()) for span in job.pauses.past) <= firing_history.SPANS_BYTES
    # Not written to the table: moto adds the size of the replaced item to the new one's.
    assert 300 * 1024 < size_of(job_items.row_of_job(job).to_dynamodb_dict()) < ITEM_BYTES * 0.9


def test_the_largest_secrets_take_less_than_what_is_in_the_clear(alice: Person, jaffle: Project) -> None:
    secrets = {f"TOKEN{n:02}": "\x01" * 320 for n in range(100)}
    made = alice.call("POST", path(jaffle), json.dumps(LARGEST | {"environment": secrets}, ensure_ascii=False))

    _, job = store.get_job(alice.organization_id, jaffle.id, made.json["id"])

    assert environment.values_of(job) == secrets
    assert job.sealed_environment
    assert len(job.sealed_environment) < 1.5 * 32 * 1024


def test_the_largest_run_holds_its_job_until_that_is_launched(alice: Person, jaffle: Project) -> None:
    project = Project.model_validate(
        jaffle.model_copy(update={"settings": largest_settings(jaffle.settings.name)}).model_dump()
        | {"cursor_key": jaffle.cursor_key}
    )
    store.update_project(project.model_copy(update={"version": jaffle.version + 1}), jaffle.version)
    job_id = make_largest(alice, jaffle)

    body = {"command_override": LARGEST["command"], "environment": LARGEST["environment"], "cause": "é" * 255}
    answer = alice.call("POST", path(jaffle, job_id, "/trigger"), {**body, "git_sha": "a" * 64})

    assert answer.status == 202, answer.text
    run = store.get_run(alice.organization_id, answer.json["job_run_id"])
    assert run.launch, "there is no cluster that could have taken it"
    assert 200 * 1024 < largest(RunRow) < ITEM_BYTES * 0.9


def largest_settings(name: str) -> ProjectSettings:
    return ProjectSettings(
        name=name,
        project_type=ProjectType.DBT,
        image="i" * 512,
        working_directory="/" + "\x01" * 1_023,
        resources=Resources.model_validate(resources(16_384)),
        environment_secret="s" * 63,
        allowed_environment=["V" * 255] * 100,
        allowed_resources=[*DEVICES, *[f"{'.'.join(['d' * 60] * 4)}/{'n' * 63}"] * 50],
        deployed=True,
    )


def test_the_largest_project_is_a_small_item(alice: Person) -> None:
    project = new_project(alice.organization_id, "p" * 100, ProjectType.DBT)
    settings = largest_settings(project.settings.name)
    fired = [Period(since=NOON, until=NOON)] * 200
    spans = [PausedSpan(since=NOON, until=NOON + at * HOUR, reason="\x01" * 255) for at in range(1, 40)]
    pauses = PauseHistory[PausedSpan](past=[]).with_ended(spans, NOON + 100 * HOUR)

    store.update_project(
        project.model_copy(update={"settings": settings, "fired": fired, "pauses": pauses, "version": 2}),
        project.version,
    )

    item = ProjectsRow._get_connection().get_item(f"{alice.organization_id}/{project.id}", "meta")["Item"]
    assert 64 * 1024 < size_of(item) < 128 * 1024
    assert store.get_project(alice.organization_id, project.id).fired == fired


def test_the_largest_job_is_read_as_it_was_written(alice: Person, jaffle: Project) -> None:
    _, job = store.get_job(alice.organization_id, jaffle.id, make_largest(alice, jaffle))

    assert job.settings.environment == LARGEST["environment"]
    assert job.settings.command == LARGEST["command"]
    assert alice.call("GET", path(jaffle)).json["jobs"][0]["resources"] == LARGEST["resources"]
