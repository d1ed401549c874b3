"""The console asks for a token once, keeps it in the tab, and removes it at the end."""

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from jobs_api.model.organization import Role
from jobsctl import operations
from tests.browser.service import Service
from tests.browser.tab import Tab, axe_faults, show
from tests.functions.people import new_organization


def enter(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def test_the_address_of_the_service_leads_to_the_console(page: Page, service: Service) -> None:
    page.goto("/")

    expect(page).to_have_url(f"{service.url}/console")
    expect(page.get_by_label("Token")).to_be_focused()
    assert axe_faults(page) == []


@pytest.mark.parametrize("path", ["/", "/console", "/console/none.js", "/docs", "/docs/", "/openapi.json"])
def test_head_gets_the_headers_of_a_page_without_its_body(service: Service, path: str) -> None:
    one, other = (httpx.request(method, service.url + path) for method in ("GET", "HEAD"))
    of_the_request = {"date", "x-amzn-requestid"}

    assert (other.status_code, other.content) == (one.status_code, b"")
    assert {name: value for name, value in other.headers.items() if name not in of_the_request} == {
        name: value for name, value in one.headers.items() if name not in of_the_request
    }


def test_a_token_is_asked_for_once_and_appears_in_no_address(page: Page, service: Service) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto("/console")

    enter(page, service.developer)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.reload()

    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    assert [address for address in addresses if service.developer in address] == []
    assert service.developer not in page.content()


def test_a_new_tab_asks_for_the_token_again(page: Page, service: Service) -> None:
    show(page, service.developer)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()

    other = page.context.new_page()
    other.goto("/console")

    expect(other.get_by_label("Token")).to_be_visible()


def test_logging_out_removes_the_token_from_the_browser(page: Page, service: Service) -> None:
    page.goto("/console")
    enter(page, service.developer)
    page.get_by_role("button", name="Log out").click()

    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    assert page.context.cookies() == []


def test_the_next_user_sees_nothing_of_the_one_who_logged_out(page: Page, service: Service) -> None:
    other = operations.create_token(new_organization("next").id, Role.READER, days=None, description="the next one")[0]
    held: list[Route] = []
    page.route("**/api/v1/projects/*/jobs?*", lambda route: held.append(route))  # noqa: PLW0108 - a builtin takes no mark
    page.goto("/console#/projects")
    with page.expect_request("**/api/v1/projects/*/jobs?*"):
        enter(page, service.developer)
    page.get_by_role("button", name="Log out").click()
    enter(page, other)
    expect(page.get_by_text("No projects yet.")).to_be_visible()

    with page.expect_response("**/api/v1/projects/*/jobs?*") as late:
        held[0].continue_()
    late.value.finished()
    page.evaluate("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)))")

    expect(page.get_by_text("No projects yet.")).to_be_visible()
    expect(page.get_by_role("link", name="jaffle")).to_have_count(0)


def test_a_token_that_is_refused_is_asked_for_again(page: Page, service: Service, tab: Tab) -> None:
    tab.expected.add(401)
    page.goto("/console")
    enter(page, "jat_0000_wrong")

    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert service.url in page.url
