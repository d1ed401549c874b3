"""The console runs, pauses, schedules, cancels and retries, also by the keyboard alone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from jobs_api.ids import new_id
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.delivery import DeliveryStatus, new_delivery
from jobs_api.store import deliveries
from tests.browser.project_history import Past, call
from tests.browser.service import Service
from tests.browser.tab import PHONE, Tab, axe_faults, show

type Document = dict[str, Any]

SLACK: Document = {"channel": "#data", "failures": True, "successes": False}


@pytest.fixture(scope="module")
def past(service: Service) -> Past:
    return Past(service.url, service.developer, service.organization_id, service.project.id)


@pytest.fixture
def job(past: Past) -> Document:
    """A job of this test alone."""
    return past.job(f"nightly {new_id('')[:6]}", schedule="0 2 * * *")


def address(job: Document, tab: str = "") -> str:
    return f"#/projects/{job['project_id']}/jobs/{job['id']}{f'?tab={tab}' if tab else ''}"


def stored(past: Past, job: Document) -> Document:
    return call(past.url, past.token, "GET", f"/projects/{job['project_id']}/jobs/{job['id']}")


def runs_of(past: Past, job: Document) -> list[Document]:
    found: list[Document] = call(past.url, past.token, "GET", f"/projects/{job['project_id']}/runs?job_id={job['id']}")[
        "runs"
    ]
    return found


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def closed_trigger(page: Page) -> list[Route]:
    """Run the job that is shown, and close the dialog; the test answers the request, which is in the list."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/trigger", hold)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("button", name="Run now")).to_be_disabled()
    page.keyboard.press("Escape")
    return held


def test_a_job_is_run_with_another_command_by_the_keyboard_alone(
    page: Page, service: Service, past: Past, job: Document
) -> None:
    show(page, service.developer, address(job))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    page.keyboard.press("r")
    expect(page.get_by_label("Command of this run")).to_be_focused()
    page.keyboard.type("dbt run --select orders+")
    page.keyboard.press("Tab")
    page.keyboard.type("after the outage")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"#/runs/run_"))
    expect(page.locator(".command")).to_have_text("dbt run --select orders+")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    (run,) = runs_of(past, job)
    assert run["cause"] == "after the outage"


def test_a_refusal_is_shown_at_its_field_which_keeps_what_was_typed(
    page: Page, service: Service, tab: Tab, past: Past, job: Document
) -> None:
    tab.expected.add(422)
    show(page, service.developer, address(job))

    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_label("Command of this run").fill("rm -rf /")
    page.get_by_role("button", name="Run now").click()

    field = page.get_by_label("Command of this run")
    expect(dialog(page).get_by_role("alert")).to_contain_text("What is marked above breaks a rule.")
    expect(field).to_have_value("rm -rf /")
    expect(field).to_have_accessible_description(re.compile("^the command starts with 'rm'"))
    expect(field).to_be_focused()
    assert axe_faults(page) == []
    assert runs_of(past, job) == []


def test_an_answer_to_a_closed_dialog_becomes_a_notice_and_does_not_change_the_view(
    page: Page, service: Service, job: Document
) -> None:
    show(page, service.developer, address(job))
    held = closed_trigger(page)
    page.get_by_role("link", name="Now", exact=True).click()

    held.pop().continue_()

    expect(page.get_by_text("Started ")).to_be_visible()
    expect(page).to_have_url(f"{service.url}/console#/")


def test_a_refusal_of_a_closed_dialog_becomes_a_notice(page: Page, service: Service, tab: Tab, job: Document) -> None:
    tab.expected.add(409)
    show(page, service.developer, address(job))
    held = closed_trigger(page)
    page.get_by_role("button", name="Pause", exact=True).click()

    held.pop().fulfill(status=409, json={"message": "The project is not deployed.", "code": "project_not_deployed"})

    expect(page.get_by_text("The project is not deployed.")).to_be_visible()
    expect(dialog(page)).to_be_visible()


def test_a_dialog_keeps_the_focus_and_gives_it_back(page: Page, service: Service, job: Document) -> None:
    show(page, service.developer, address(job))
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_visible()

    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("!document.activeElement.closest('main') || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")

    expect(dialog(page)).to_have_count(0)
    expect(pause).to_be_focused()


def test_a_job_is_paused_with_a_reason_and_resumed(page: Page, service: Service, past: Past, job: Document) -> None:
    show(page, service.developer, address(job))

    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Why").fill("the warehouse moves")
    dialog(page).get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused until")).to_be_visible()
    paused = stored(past, job)
    page.get_by_role("button", name="Resume").click()

    expect(page.get_by_text("paused until")).to_be_hidden()
    assert paused["pause_reason"] == "the warehouse moves"
    assert "paused_until" not in stored(past, job)


def test_a_job_is_paused_until_somebody_resumes_it(page: Page, service: Service, past: Past, job: Document) -> None:
    show(page, service.developer, address(job))

    page.get_by_role("button", name="Pause").click()
    page.get_by_label("until somebody resumes it").check()
    dialog(page).get_by_role("button", name="Pause").click()
    expect(page.get_by_text("disabled")).to_be_visible()
    assert stored(past, job)["enabled"] is False
    page.get_by_role("button", name="Resume").click()

    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert stored(past, job)["enabled"] is True


def test_a_schedule_is_changed_after_its_next_firings_and_the_clock_changes_were_shown(
    page: Page, service: Service, past: Past, job: Document
) -> None:
    show(page, service.developer, address(job))

    page.get_by_role("button", name="Schedule").press("e")
    page.get_by_label("Schedule", exact=True).fill("30 2 * * *")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    expect(dialog(page).get_by_role("row")).to_have_count(11)
    expect(dialog(page).get_by_text(re.compile("Clocks in Europe/Berlin go from"))).not_to_have_count(0)
    expect(dialog(page).get_by_text("Every day at 02:30")).to_be_visible()
    page.get_by_role("button", name="Save").click()

    expect(dialog(page)).to_have_count(0)
    expect(page.locator(".facts").get_by_text("30 2 * * *")).to_be_visible()
    assert (stored(past, job)["schedule"], stored(past, job)["timezone"]) == ("30 2 * * *", "Europe/Berlin")


def test_an_invalid_schedule_is_reported_before_it_is_saved(
    page: Page, service: Service, tab: Tab, job: Document
) -> None:
    tab.expected.add(422)
    show(page, service.developer, address(job))

    page.get_by_role("button", name="Schedule").press("e")
    page.get_by_label("Schedule", exact=True).fill("0 25 * * *")

    expect(dialog(page).locator(".preview .failure")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()


def test_a_job_goes_back_to_an_earlier_version(page: Page, service: Service, past: Past, job: Document) -> None:
    past.change(job, schedule="0 9 * * *")
    show(page, service.developer, address(job, "history"))

    page.get_by_role("button", name="Roll back to version 1").click()
    dialog(page).get_by_role("button", name="Roll back").click()

    expect(page.get_by_text("Version 3")).to_be_visible()
    assert stored(past, job)["schedule"] == "0 2 * * *"


def test_a_run_is_cancelled_with_a_reason(page: Page, service: Service, tab: Tab, past: Past, job: Document) -> None:
    tab.expected.add(503)
    run = past.run(job, "running", ago=timedelta(minutes=1))
    past.write([run])
    page.route("**/logs*", lambda route: route.fulfill(status=503, headers={"Retry-After": "9"}, body="{}"))
    show(page, service.developer, f"#/runs/{run.id}")

    page.get_by_role("button", name="Cancel").click()
    page.get_by_label("Why").fill("wrong target")
    page.get_by_role("button", name="Cancel the run").click()

    expect(page.get_by_text("wrong target")).to_be_visible()
    assert call(past.url, past.token, "GET", f"/runs/{run.id}")["cancel_reason"] == "wrong target"


def test_a_run_is_repeated_from_its_start(page: Page, service: Service, past: Past, job: Document) -> None:
    run = past.run(job, "failed", log="ERROR\n")
    past.write([run])
    show(page, service.developer, f"#/runs/{run.id}")

    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_label(re.compile("^where it failed"))).to_be_disabled()
    dialog(page).get_by_role("button", name="Run again").click()

    expect(page.get_by_role("region", name="Chain").get_by_text("Repeats")).to_be_visible()
    assert runs_of(past, job)[0]["retry_of"] == run.id


def test_a_message_that_failed_is_sent_again(page: Page, service: Service, past: Past, job: Document) -> None:
    past.change(job, slack_alerts_enabled=True, slack_channel="#data")
    alerts = RunAlerts(project_name="jaffle", project_type="dbt", job_name=job["name"], targets={"slack": SLACK})
    run = past.run(job, "failed", alerts=alerts)
    past.write([run])
    made = new_delivery(run, Event.FAILURE, "slack", datetime.now(UTC), timedelta(days=1))
    failed = {"status": DeliveryStatus.FAILED, "attempts": 3, "error": "channel_not_found", "next_attempt_at": None}
    assert deliveries.create(made.model_copy(update=failed))
    show(page, service.developer, address(job, "deliveries"))

    expect(page.get_by_text("channel_not_found")).to_be_visible()
    page.get_by_role("button", name="Send again: failure, Slack").click()

    expect(page.get_by_text("It is sent again")).to_be_visible()


def test_older_deliveries_stay_when_a_new_one_comes(page: Page, service: Service, job: Document) -> None:
    told = {"event": "failure", "channel": "slack", "status": "delivered", "created_at": "2026-04-28T02:00:00Z"}
    all_of_them = [{**told, "id": f"dlv_{at}", "run_id": f"run_{at}", "attempts": 60 - at} for at in range(60)]
    answers = [
        {"deliveries": all_of_them[1:51], "next_cursor": "on"},
        {"deliveries": all_of_them[51:]},
        {"deliveries": all_of_them[:50], "next_cursor": "on"},
    ]
    page.route("**/deliveries?*", lambda route: route.fulfill(json=answers.pop(0) if len(answers) > 1 else answers[0]))
    show(page, service.developer, address(job, "deliveries"))

    page.get_by_role("button", name="Show older").click()
    rows = page.locator("table.deliveries tbody tr")
    expect(rows).to_have_count(59)

    expect(rows).to_have_count(60)
    assert rows.locator("td:nth-child(5)").all_inner_texts() == [str(60 - at) for at in range(60)]
    expect(page.get_by_role("button", name="Show older")).to_have_count(0)


def test_the_console_has_keyboard_shortcuts(page: Page, service: Service, job: Document) -> None:
    show(page, service.developer)
    expect(page.get_by_role("region", name="Running")).to_be_visible()

    page.keyboard.press("?")
    expect(dialog(page).get_by_text("show these keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page.get_by_role("heading", level=1)).to_have_text("Projects")
    expect(page.get_by_role("link", name=job["name"])).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(job["name"])
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=job["name"])).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(job["name"]))


@pytest.mark.parametrize("view", [{"color_scheme": "dark", "viewport": PHONE}], ids=["dark and on a phone"])
def test_no_dialog_has_a_fault_or_is_wider_than_the_window(page: Page, service: Service, job: Document) -> None:
    show(page, service.developer, address(job))
    found = []
    for name in ("Run", "Pause", "Schedule"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(dialog(page)).to_be_visible()
        if name == "Schedule":
            expect(dialog(page).get_by_role("row")).to_have_count(11)
        found += axe_faults(page)
        assert page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
        page.keyboard.press("Escape")

    assert found == []


def test_the_tab_key_stops_once_at_a_list_of_runs_and_the_arrow_keys_move_within_it(
    page: Page, service: Service, past: Past, job: Document
) -> None:
    runs = [past.run(job, ago=timedelta(hours=hours)) for hours in (1, 2, 3)]
    past.write(runs)
    show(page, service.developer, address(job))
    strip = page.get_by_role("group", name=f"Last runs of {job['name']}")
    expect(strip.get_by_role("link")).to_have_count(3)

    strip.locator("[tabindex='0']").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(runs[1].id))


def test_the_first_tab_leads_past_the_navigation_and_each_stop_shows_where_it_is(
    page: Page, service: Service, job: Document
) -> None:
    show(page, service.developer, address(job))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(10):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
