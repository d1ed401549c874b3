"""The drawn parts of a view as a user sees them: labels are whole, bars in their rows, forced colours leave both."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.project_history import Past
from tests.browser.service import Service
from tests.browser.tab import show

NARROW = {"width": 320, "height": 640}


@pytest.fixture(scope="module")
def past(service: Service) -> Past:
    return Past(service.url, service.developer, service.organization_id, service.project.id)


@pytest.fixture(scope="module")
def job(past: Past) -> str:
    """A job whose runs took hours, the last of them an hour ago."""
    made = past.job("nightly")
    past.write([past.run(made, ago=timedelta(hours=hours), seconds=5400 + hours) for hours in (30, 54, 78)])
    past.write([past.run(made, ago=timedelta(minutes=40), seconds=900)])
    return f"#/projects/{made['project_id']}/jobs/{made['id']}"


@pytest.mark.parametrize("view", [{}, {"viewport": NARROW}], ids=["wide", "narrow"])
def test_each_label_of_the_plot_is_whole_and_alone(page: Page, service: Service, job: str) -> None:
    show(page, service.reader, job)
    expect(page.locator(".plot .axis", has_text="1 h 30 min")).to_be_visible()

    plot = page.locator(".plot").bounding_box()
    boxes = [one.bounding_box() for one in page.locator(".plot .axis").all()]

    assert plot is not None
    assert all(box and plot["x"] <= box["x"] and box["x"] + box["width"] <= plot["x"] + plot["width"] for box in boxes)
    assert not any(_overlap(one, other) for one, other in itertools.combinations(boxes, 2))


def _overlap(first: Any, second: Any) -> bool:
    across: bool = first["x"] < second["x"] + second["width"] and second["x"] < first["x"] + first["width"]
    below: bool = first["y"] < second["y"] + second["height"] and second["y"] < first["y"] + first["height"]
    return across and below


def test_the_slots_of_a_day_with_a_repeated_hour_are_in_one_row(page: Page, service: Service, job: str) -> None:
    # In Berlin, the time zone of the tests, 02:00 to 03:00 comes twice on this day.
    slots = [
        {"scheduled_for": f"2026-10-{day}T{hour:02}:{minute}:00Z", "outcome": "ran"}
        for day in (25, 26)
        for hour in range(6)
        for minute in ("00", "30")
    ]
    page.route("**/slots", lambda route: route.fulfill(json={"slots": slots}))

    show(page, service.reader, f"{job}?tab=slots")
    expect(page.locator(".slot")).to_have_count(len(slots))

    for row in page.locator(".slot-row-slots[role=group]").all():
        boxes = [one.bounding_box() for one in row.locator(".slot").all()]
        assert len({box["y"] for box in boxes if box}) == 1


@pytest.mark.parametrize("view", [{"forced_colors": "active"}], ids=["forced colours"])
def test_forced_colours_leave_runs_and_the_current_tab_visible(page: Page, service: Service, job: str) -> None:
    show(page, service.reader, job)
    current, other = (page.get_by_role("link", name=name, exact=True) for name in ("Runs", "Slots"))
    expect(current).to_be_visible()
    colour = "(of, property) => getComputedStyle(of)[property]"
    assert current.evaluate(colour, "backgroundColor") != other.evaluate(colour, "backgroundColor") or current.evaluate(
        colour, "borderBottomColor"
    ) != other.evaluate(colour, "borderBottomColor")

    page.get_by_role("link", name="Now", exact=True).click()
    bar = page.locator(".lane-bar").first
    expect(bar).to_be_visible()

    ground = page.locator(".timeline").evaluate(colour, "backgroundColor")
    assert bar.evaluate(colour, "backgroundColor") not in {ground, "rgba(0, 0, 0, 0)"}
