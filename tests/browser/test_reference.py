"""GET /docs: the API's reference for people, with a try-out."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.service import Service
from tests.browser.tab import axe_faults, show

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())
OPERATIONS = [call for methods in DOCUMENT["paths"].values() for call in methods.values()]


def test_the_reference_shows_every_operation(page: Page) -> None:
    page.goto("/docs")
    expect(page.locator(".opblock").first).to_be_visible()

    shown = page.locator(".opblock-summary-description").all_inner_texts()

    webhooks = [call["summary"] for methods in DOCUMENT["webhooks"].values() for call in methods.values()]
    assert sorted(shown) == sorted([call["summary"] for call in OPERATIONS] + webhooks)


def test_a_call_can_be_tried_with_the_token_of_the_console(page: Page, service: Service) -> None:
    show(page, service.reader)
    page.goto("/docs")
    call = page.locator("#operations-Projects_and_tokens-get_me")
    call.locator(".opblock-summary-control").click()

    with page.expect_response(f"{service.url}/api/v1/me") as answered:
        call.get_by_role("button", name="Execute").click()

    assert answered.value.status == 200
    assert answered.value.json()["role"] == "reader"
    expect(call.locator(".live-responses-table")).to_contain_text(service.organization_id)


def test_a_phone_has_room_for_what_each_part_of_the_reference_is_about(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/docs")
    expect(page.locator(".opblock").first).to_be_visible()

    widths = page.locator(".opblock-tag small").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().width)"
    )
    assert widths
    assert min(widths) > 200


@pytest.mark.parametrize("view", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"])
def test_the_reference_has_no_fault_in_the_colours_of_the_system(page: Page, view: dict[str, str]) -> None:
    page.goto("/docs")
    ground = page.locator(".swagger-ui").first
    expect(ground).to_have_css("color", "rgb(228, 230, 230)" if view["color_scheme"] == "dark" else "rgb(59, 65, 81)")
    page.get_by_role("button", name="Authorize").first.click()
    expect(page.locator(".modal-ux")).to_be_visible()
    found = axe_faults(page)
    page.get_by_role("button", name="Close").first.click()

    call = page.locator("#operations-Jobs-create_job")
    call.locator(".opblock-summary-control").click()
    # With nothing filled in, so that the field that is missing is marked.
    call.get_by_role("button", name="Execute").click()
    found += axe_faults(page)
    call.get_by_role("tab", name="Schema").first.click()
    page.locator(".models-control").click()
    page.locator(".models").get_by_role("button", expanded=False).first.click()
    found += axe_faults(page)

    assert page.url.endswith("/Jobs/create_job")
    assert found == []
