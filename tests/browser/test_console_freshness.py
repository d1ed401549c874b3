"""Whether the console shows the present: an answer that comes late, never or out of order, a tab that was hidden, and
changes that somebody else makes."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from jobs_api.ids import new_id
from jobs_api.model.run import RunStatus
from tests.browser.project_history import Past
from tests.browser.service import Service
from tests.browser.tab import Tab, show

type Document = dict[str, Any]

API = "**/api/v1/**"
OUT_OF_DATE = "What you see may be out of date."
AWAY = "The API does not answer."


@pytest.fixture(scope="module")
def past(service: Service) -> Past:
    return Past(service.url, service.developer, service.organization_id, service.project.id)


@pytest.fixture
def job(past: Past) -> Document:
    """A job of this test alone."""
    return past.job(f"nightly {new_id('')[:6]}")


def address(job: Document) -> str:
    return f"#/projects/{job['project_id']}/jobs/{job['id']}"


def look_again(page: Page, *, hidden: bool = False) -> None:
    """Let the tab come to the front, whereupon its views ask for what is new; or hide it."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def drawn(page: Page) -> None:
    """Wait until the page has drawn what it has."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_an_update_that_the_api_refuses_is_reported_until_one_succeeds(page: Page, service: Service, tab: Tab) -> None:
    tab.expected.add(500)
    show(page, service.reader, "#/")
    expect(page.get_by_role("region", name="Running")).to_be_visible()
    page.route("**/api/v1/runs?**", lambda route: route.fulfill(status=500, body='{"message": "It broke."}'))

    look_again(page)
    expect(page.get_by_text(f"{OUT_OF_DATE} It broke.")).to_be_visible()
    expect(page.get_by_role("region", name="Running")).to_be_visible()
    page.unroute_all()
    look_again(page)

    expect(page.get_by_text(OUT_OF_DATE)).to_be_hidden()


def test_the_next_view_does_not_report_what_the_one_before_could_not_read(
    page: Page, service: Service, tab: Tab
) -> None:
    tab.expected.add(500)
    show(page, service.reader, "#/")
    expect(page.get_by_role("region", name="Running")).to_be_visible()
    page.route("**/api/v1/runs?**", lambda route: route.fulfill(status=500, body='{"message": "It broke."}'))
    look_again(page)
    expect(page.get_by_text(OUT_OF_DATE)).to_be_visible()

    page.get_by_role("link", name="Projects").click()

    expect(page.get_by_text(OUT_OF_DATE)).to_be_hidden()


def test_a_hidden_tab_does_not_ask_whether_the_server_is_back(page: Page, service: Service, tab: Tab) -> None:
    tab.expected.add(0)
    show(page, service.reader, "#/")
    expect(page.get_by_role("region", name="Running")).to_be_visible()
    page.context.set_offline(True)
    look_again(page)
    expect(page.get_by_text(AWAY)).to_be_visible()
    look_again(page, hidden=True)
    page.wait_for_timeout(100)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_timeout(1500)
    assert asked == []
    page.context.set_offline(False)
    look_again(page)

    expect(page.get_by_text(AWAY)).to_be_hidden()


def test_a_connection_that_stays_silent_is_reported(page: Page, service: Service, tab: Tab) -> None:
    tab.expected.add(0)
    page.clock.install()
    show(page, service.reader, "#/")
    expect(page.get_by_role("region", name="Running")).to_be_visible()
    page.route(API, lambda _: None)
    with page.expect_request("**/api/v1/runs?**"):
        look_again(page)

    page.clock.fast_forward(61_000)

    expect(page.get_by_text(AWAY)).to_be_visible()


def test_an_older_answer_does_not_replace_a_newer_one(page: Page, service: Service, past: Past, job: Document) -> None:
    run = past.run(job)
    past.write([run])
    before = run.model_copy(update={"status": RunStatus.RUNNING, "updated_at": run.created_at})
    show(page, service.reader, f"#/runs/{run.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Success")

    page.route(f"**/api/v1/runs/{run.id}", lambda route: route.fulfill(body=before.model_dump_json(exclude_none=True)))
    with page.expect_response(f"**/api/v1/runs/{run.id}"):
        look_again(page)
    drawn(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text("Success")


def test_a_run_that_starts_in_the_second_in_which_it_was_made_is_shown_as_running(
    page: Page, service: Service, past: Past, job: Document
) -> None:
    pending = past.run(job, "pending", ago=timedelta(seconds=1))
    past.write([pending])
    show(page, service.reader, "#/")
    row = page.get_by_role("region", name="Running").get_by_role("listitem").filter(has_text=job["name"])
    expect(row).to_contain_text("Pending")

    past.write([pending.model_copy(update={"status": RunStatus.RUNNING, "start_time": pending.created_at})])
    look_again(page)

    expect(row).to_contain_text("Running")


def test_a_change_stays_when_a_list_that_was_asked_for_before_it_comes_later(
    page: Page, service: Service, job: Document
) -> None:
    page.clock.install()
    show(page, service.developer, f"#/projects/{job['project_id']}")
    row = page.get_by_role("row").filter(has_text=job["name"])
    expect(row.get_by_role("button", name="Pause")).to_be_visible()
    held: list[tuple[Route, Document]] = []

    def hold(route: Route) -> None:
        if held:
            return route.fallback()
        listed = route.fetch().json()
        held.append((route, {**listed, "jobs": [{**one, "updated_at": one["created_at"]} for one in listed["jobs"]]}))
        return None

    page.route("**/jobs?limit=500", hold)
    page.clock.fast_forward(90_000)
    for _ in range(6000):
        if held:
            break
        page.wait_for_timeout(10)
    row.get_by_role("button", name="Pause").click()
    page.get_by_label("until somebody resumes it").check()
    page.route(
        f"**/jobs/{job['id']}",
        lambda route: route.fulfill(json={**route.fetch().json(), "updated_at": "2099-01-01T00:00:00Z"}),
    )
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("disabled")

    [(route, listed)] = held
    with page.expect_response("**/jobs?limit=500"):
        route.fulfill(body=json.dumps(listed))
    drawn(page)

    expect(row).to_contain_text("disabled")


def test_times_are_those_of_the_api_where_the_clock_of_the_computer_is_wrong(
    page: Page, service: Service, past: Past, job: Document
) -> None:
    past.write([past.run(job, "running", ago=timedelta(minutes=20))])
    page.clock.install(time=datetime.now(UTC) + timedelta(days=3))

    show(page, service.reader, "#/")

    row = page.get_by_role("region", name="Running").get_by_role("listitem").filter(has_text=job["name"])
    expect(row.get_by_text(re.compile(r"^2\d min"))).to_be_visible()
    expect(page.get_by_role("region", name="Late")).to_contain_text("Nothing is late.")


def test_a_job_that_is_changed_elsewhere_changes_in_the_page(
    page: Page, service: Service, past: Past, job: Document
) -> None:
    page.clock.install()
    show(page, service.developer, address(job))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    past.change(job, enabled=False)
    page.clock.fast_forward(31_000)
    look_again(page)

    expect(page.get_by_role("button", name="Resume")).to_be_visible()
