"""The console continues after a token that ends, a limit, and a server that is away for a while."""

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.project_history import Past
from tests.browser.service import Service
from tests.browser.tab import Tab, show

ACTIONS = re.compile(r"^(Run|Pause|Resume|Schedule|Edit schedule|Cancel|Roll back|Send again)")


@pytest.fixture(scope="module")
def past(service: Service) -> Past:
    return Past(service.url, service.developer, service.organization_id, service.project.id)


@pytest.fixture(scope="module")
def job(past: Past) -> str:
    made = past.change(past.job("nightly"), schedule="0 4 * * *")
    past.write([past.run(made), past.run(made, "running", ago=timedelta(minutes=1))])
    return f"#/projects/{made['project_id']}/jobs/{made['id']}"


def test_after_a_new_token_for_an_expired_one_the_same_page_is_shown(
    page: Page, service: Service, tab: Tab, job: str
) -> None:
    tab.expected.add(401)
    show(page, service.developer, f"{job}?tab=history")
    expect(page.get_by_text("Version 1")).to_be_visible()
    page.route(
        "**/api/v1/**", lambda route: route.fulfill(status=401, body='{"message": "no", "code": "unauthorized"}')
    )

    page.get_by_role("link", name="Slots").click()
    expect(page.get_by_role("alert")).to_contain_text("The token was not accepted")
    page.unroute_all()
    page.get_by_label("Token").fill(service.developer)
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{service.url}/console{job}?tab=slots")
    expect(page.get_by_role("region", name="Slots")).to_be_visible()


def test_a_reader_sees_no_button_that_a_reader_may_not_press(
    page: Page, service: Service, past: Past, job: str
) -> None:
    run = past.run({"id": job.rpartition("/")[2], "cronjob_name": "jaffle-nightly", "command": "dbt build"})
    past.write([run])
    for address in ("#/", "#/projects", job, f"{job}?tab=history", f"{job}?tab=deliveries", f"#/runs/{run.id}"):
        show(page, service.reader, address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".loading, .strip.waiting")).to_have_count(0)
        expect(page.get_by_role("button", name=ACTIONS)).to_have_count(0)


def test_a_developer_sees_the_buttons(page: Page, service: Service, job: str) -> None:
    show(page, service.developer, f"{job}?tab=history")

    expect(page.get_by_role("button", name="Roll back to version 1")).to_be_visible()
    expect(page.get_by_role("button", name=ACTIONS)).to_have_count(4)


def test_after_a_429_the_console_waits_as_long_as_the_api_says(
    page: Page, service: Service, tab: Tab, job: str
) -> None:
    tab.expected.add(429)
    asked: list[float] = []

    def refuse_once(route: Route) -> None:
        asked.append(time.monotonic())
        if len(asked) > 1:
            return route.fallback()
        return route.fulfill(status=429, headers={"Retry-After": "2"}, body='{"message": "slower"}')

    page.route("**/history*", refuse_once)
    show(page, service.developer, f"{job}?tab=history")

    expect(page.get_by_text("The API asks for a pause.")).to_be_visible()
    expect(page.get_by_text("Version 1")).to_be_visible()
    expect(page.get_by_text("The API asks for a pause.")).to_be_hidden()
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 2


def test_an_unreachable_server_is_reported_and_the_page_continues_when_it_answers_again(
    page: Page, service: Service, tab: Tab, past: Past, job: str
) -> None:
    tab.expected.add(0)
    show(page, service.developer, job)
    expect(page.get_by_role("region", name="Runs", exact=True).get_by_role("row").first).to_be_visible()

    page.context.set_offline(True)
    expect(page.get_by_text("The API does not answer.")).to_be_visible()
    expect(page.get_by_role("region", name="Runs", exact=True)).to_be_visible()
    job_id = job.rpartition("/")[2]
    fresh = past.run(
        {"id": job_id, "cronjob_name": "jaffle-nightly", "command": "dbt build"}, "failed", ago=timedelta(0)
    )
    past.write([fresh])
    page.context.set_offline(False)

    expect(page.get_by_text("The API does not answer.")).to_be_hidden()
    expect(page.locator(f"a[href='#/runs/{fresh.id}']").first).to_be_visible()


def test_a_hidden_tab_sends_no_requests(page: Page, service: Service) -> None:
    show(page, service.developer, "#/")
    expect(page.get_by_role("region", name="Running")).to_be_visible()
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true});"
        "window.away = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.wait_for_timeout(4000)
    assert asked == []

    with page.expect_request("**/api/v1/runs?**"):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
