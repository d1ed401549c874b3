"""The log of a run in the console: it follows, is searched, has an address for each line, and stays smooth."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from jobs_api.model.run import Run, RunStatus
from tests.browser.project_history import Past, nodes_of
from tests.browser.service import Service
from tests.browser.tab import Tab, show

LINES = 60_000
SCRIPT = "<script>document.title = 'taken'</script>"
# However long a log is, the page holds at most the rows of two screens.
MOST_ROWS = 150


@pytest.fixture(scope="module")
def past(service: Service) -> Past:
    return Past(service.url, service.developer, service.organization_id, service.project.id)


@pytest.fixture(scope="module")
def job(past: Past) -> dict[str, Any]:
    return past.job("nightly")


@pytest.fixture(scope="module")
def long_run(past: Past, job: dict[str, Any]) -> Run:
    """A run whose log has 60,000 lines, 5 MB."""
    text = "\n".join(
        f"02:00:00  line {number} of a model that says a lot about what it does, as many models do"
        for number in range(1, LINES + 1)
    )
    run = past.run(job, log=text.replace("line 41000 of", "line 41000 ERROR of") + "\n")
    past.write([run])
    return run


@pytest.fixture
def running(past: Past, job: dict[str, Any]) -> Run:
    run = past.run(job, "running", ago=timedelta(minutes=1))
    past.write([run])
    return run


def answers(page: Page, run: Run, parts: list[str]) -> Callable[[], None]:
    """Answer for a cluster: the log's parts, one for each request, then nothing until it is said to be over."""
    given = {"next": 0, "done": False}

    def answer(route: Route) -> None:
        at, done = given["next"], bool(given["done"])
        given["next"] = min(at + 1, len(parts))
        content = {"run_id": run.id, "job_name": run.job_name, "status": "running", "after": str(at)}
        text = parts[at] if at < len(parts) else ""
        route.fulfill(body=json.dumps({**content, "logs": text, "done": done}), content_type="application/json")

    page.route(f"**/runs/{run.id}/logs*", answer)
    return lambda: given.update(done=True)


def rows(page: Page) -> int:
    return page.locator(".log-line").count()


def test_a_log_of_5_mb_is_complete_and_the_page_holds_only_its_visible_lines(
    page: Page, service: Service, long_run: Run
) -> None:
    show(page, service.reader, f"#/runs/{long_run.id}")

    expect(page.get_by_text("The log is complete.")).to_be_visible()
    expect(page.get_by_text(f"{LINES:,} lines")).to_be_visible()
    expect(page.locator(".log-line").last).to_contain_text(f"line {LINES} of")
    assert rows(page) < MOST_ROWS
    page.locator(".log").evaluate("log => { log.scrollTop = 0; }")
    expect(page.locator(".log-line").first).to_contain_text("line 1 of")
    assert rows(page) < MOST_ROWS


def test_a_line_has_an_address(page: Page, service: Service, long_run: Run) -> None:
    show(page, service.reader, f"#/runs/{long_run.id}?line=30000")

    chosen = page.locator(".log-line.chosen")
    expect(chosen).to_contain_text("line 30000 of")
    expect(chosen).to_be_in_viewport()
    page.get_by_role("link", name="Line 30002").click()

    expect(page).to_have_url(re.compile(r"line=30002$"))
    expect(chosen).to_contain_text("line 30002 of")


def test_a_log_is_searched_by_keyboard_and_the_match_is_in_the_address(
    page: Page, service: Service, long_run: Run
) -> None:
    show(page, service.reader, f"#/runs/{long_run.id}")
    expect(page.get_by_text("The log is complete.")).to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type("LINE 4100")
    expect(page.get_by_text("0 of 11")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".log-line.chosen mark")).to_have_text("line 4100")
    page.keyboard.press("Enter")

    expect(page.locator(".log-line.chosen")).to_contain_text("line 41000 ERROR")
    expect(page.locator(".log-line.chosen")).to_have_class(re.compile("error"))
    expect(page).to_have_url(re.compile(r"line=41000$"))


def test_a_log_of_5_mb_follows_its_end_until_somebody_reads_further_up(
    page: Page, service: Service, past: Past, running: Run
) -> None:
    parts = ["".join(f"first {number} {'of a part that is long ' * 4}\n" for number in range(9_000)) for _ in range(5)]
    assert sum(map(len, parts)) > 4_500_000
    parts += ["sec", "ond part\n"]
    over = answers(page, running, parts)

    show(page, service.reader, f"#/runs/{running.id}")

    expect(page.locator(".log-line").last).to_contain_text("second part")
    page.locator(".log").scroll_into_view_if_needed()
    expect(page.locator(".log-line").last).to_be_in_viewport()
    page.locator(".log").evaluate("log => { log.scrollTop = 0; }")
    expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")
    parts.append("more\n")
    expect(page.get_by_text("45,002 lines")).to_be_visible()
    assert rows(page) < MOST_ROWS
    expect(page.locator(".log-line").first).to_contain_text("first 0")
    past.write([running.model_copy(update={"status": RunStatus.SUCCESS, "end_time": running.start_time})])
    over()
    expect(page.get_by_text("The log is complete.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Success")


def test_a_log_with_more_lines_than_a_browser_can_show_ends_with_a_note(
    page: Page, service: Service, running: Run
) -> None:
    answers(page, running, ["\n" * 800_001])

    show(page, service.reader, f"#/runs/{running.id}")

    expect(page.get_by_text("The page shows no more of this log.")).to_be_visible()
    expect(page.get_by_text("The log is complete.")).to_be_hidden()


def test_a_log_that_cannot_be_read_is_not_called_complete_and_can_be_asked_for_again(
    page: Page, service: Service, tab: Tab, past: Past, job: dict[str, Any]
) -> None:
    tab.expected.add(500)
    run = past.run(job, log="all of it\n")
    past.write([run])
    page.route("**/logs?*", lambda route: route.fulfill(status=500, body='{"message": "It broke."}'))

    show(page, service.reader, f"#/runs/{run.id}")
    expect(page.get_by_role("alert")).to_contain_text("It broke.")
    expect(page.get_by_text("The page does not follow this log any more.")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".log-text")).to_have_text("all of it")
    expect(page.get_by_text("The log is complete.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_keys_for_another_view_do_not_also_search_the_log(
    page: Page, service: Service, past: Past, job: dict[str, Any]
) -> None:
    run = past.run(job, log="one\ntwo\n")
    past.write([run])
    show(page, service.reader, f"#/runs/{run.id}")
    page.get_by_role("searchbox", name="Search the log").fill("two")
    expect(page.get_by_text("0 of 1")).to_be_visible()

    page.get_by_role("region", name="Lines of the log").focus()
    page.keyboard.press("g")
    page.keyboard.press("n")

    expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    expect(page).to_have_url(f"{service.url}/console#/")


def test_log_levels_differ_in_more_than_colour_and_escape_sequences_are_not_shown(
    page: Page, service: Service, past: Past, job: dict[str, Any]
) -> None:
    text = "\x1b[31mERROR\x1b[0m in orders\nWARN 3 in tests\nDone. PASS=3 WARN=0 ERROR=0 SKIP=0 TOTAL=3\n" + json.dumps(
        {"data": {}, "info": {"level": "error", "msg": "as JSON", "ts": "2026-04-28T02:00:07.123Z"}}
    )
    run = past.run(job, log=text)
    past.write([run])

    show(page, service.reader, f"#/runs/{run.id}")

    lines = page.locator(".log-line")
    expect(lines.nth(0).locator(".log-text")).to_have_text("ERROR in orders")
    expect(lines.nth(0)).to_have_class("log-line error")
    expect(lines.nth(1)).to_have_class("log-line warn")
    expect(lines.nth(2)).to_have_class("log-line ")
    expect(lines.nth(3)).to_have_class("log-line error")
    expect(lines.nth(3).locator(".log-text")).to_have_text("02:00:07  as JSON")
    assert lines.nth(0).locator(".log-number").evaluate("of => getComputedStyle(of).boxShadow") != "none"


def test_a_model_whose_name_is_a_script_is_shown_as_text(
    page: Page, service: Service, past: Past, job: dict[str, Any]
) -> None:
    began = past.run(job).created_at
    nodes = [node.model_copy(update={"name": SCRIPT, "message": SCRIPT}) for node in nodes_of(2, began, failed=1)]
    run = past.run(job, "failed", log=f"{SCRIPT}\n", nodes=nodes, error_message=SCRIPT, cause=SCRIPT)
    past.write([run])

    show(page, service.reader, f"#/runs/{run.id}")
    expect(page.locator(".log-line").first).to_contain_text(SCRIPT)
    page.get_by_role("link", name="Results").click()

    expect(page.get_by_role("table", name="Results").get_by_role("row").nth(1)).to_contain_text(SCRIPT)
    expect(page.locator("#app script")).to_have_count(0)
    assert "taken" not in page.title()
