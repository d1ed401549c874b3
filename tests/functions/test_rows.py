"""Items as they are read: faster than PynamoDB does it, and the same."""

from typing import Any

import pytest
from pynamodb.models import Model

from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.store.delivery_rows import DeliveriesRow
from jobs_api.store.organization_rows import OrganizationsRow
from jobs_api.store.project_rows import ProjectRow, ProjectsRow
from jobs_api.store.run_rows import RunRow
from tests.functions.people import NOON
from tests.functions.test_deliveries import a_delivery
from tests.notifications.notification_world import new_job, new_run


@pytest.fixture(autouse=True)
def some_of_everything(jaffle: Project) -> None:
    job, _ = new_job(jaffle, slack_channel="#data", slack_alerts_enabled=True, description="Zürich")
    new_run(job, jaffle, RunStatus.FAILED, NOON)
    a_delivery(job, jaffle)


@pytest.mark.parametrize("kind", [ProjectsRow, RunRow, OrganizationsRow, DeliveriesRow])
def test_an_item_is_read_as_pynamodb_reads_it(kind: type[Model]) -> None:
    items: list[dict[str, Any]] = kind._get_connection().scan()["Items"]
    assert items

    for item in items:
        ours, theirs = kind.from_raw_data(item), Model.from_raw_data.__func__(kind, item)  # type: ignore[attr-defined]

        assert type(ours) is type(theirs)
        known = {name: value for name, value in theirs.attribute_values.items() if value is not None}
        assert ours.attribute_values == known


def test_an_item_without_a_value_has_none(jaffle: Project) -> None:
    row = ProjectsRow.get(f"{jaffle.organization_id}/{jaffle.id}", "meta")

    assert isinstance(row, ProjectRow)
    assert row.fires_since is None


@pytest.mark.parametrize(("status", "key"), [("failed", "#failed"), ("success", "#success"), ("running", None)])
def test_every_write_of_an_ended_run_has_the_key_of_its_index(jaffle: Project, status: str, key: str | None) -> None:
    run = new_run(new_job(jaffle, "another")[0], jaffle, RunStatus.PENDING, NOON)
    row = RunRow.get(run.id)
    row.status = status

    row.save()

    assert RunRow.get(run.id).ended_in == (key and jaffle.id + key)
