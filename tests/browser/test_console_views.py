"""Each view of the console, of a project with a history."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.store.runs import create_run
from tests.browser.project_history import Past, nodes_of
from tests.browser.service import Service
from tests.browser.tab import PHONE, axe_faults, show

type Document = dict[str, Any]

LOG = "\n".join(
    [
        "02:00:07  Running with dbt=1.11.2",
        *(f"02:00:08  {number} of 300 OK created model_{number:03} [OK in 0.1s]" for number in range(300)),
        "02:05:00  \x1b[31mDatabase Error in model revenue\x1b[0m",
        "02:05:01  WARN 3 in not_null_orders_id",
        "02:05:02  Done. PASS=299 WARN=1 ERROR=1 SKIP=0 TOTAL=301\n",
    ]
)


@dataclass(frozen=True)
class World:
    """A job with runs of every kind, and one of each kind of run."""

    past: Past
    nightly: Document
    docs: Document
    failed: Run
    running: Run

    @property
    def job(self) -> str:
        return f"#/projects/{self.nightly['project_id']}/jobs/{self.nightly['id']}"


@pytest.fixture(scope="module")
def world(service: Service) -> World:
    past = Past(service.url, service.developer, service.organization_id, service.project.id)
    nightly = past.job("nightly", description="Builds it all", schedule="30 2 * * *", timezone="Europe/Berlin")
    docs = past.job("docs", command="dbt docs generate", schedule=None, run_after=[{"job_id": nightly["id"]}])
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
    failed = past.run(
        nightly,
        "failed",
        ago=timedelta(minutes=20),
        seconds=300,
        log=LOG,
        nodes=nodes_of(300, began, failed=1, skipped=2),
        exit_code=1,
        error_message="Database Error in model revenue",
    )
    running = past.run(nightly, "running", ago=timedelta(minutes=2), expected_by=began)
    older = [
        past.run(
            nightly, "error" if number % 50 == 7 else "success", ago=timedelta(days=1 + number), seconds=60 + number
        )
        for number in range(500)
    ]
    past.write([failed, running, *older])
    return World(past, nightly, docs, failed, running)


def test_the_view_now_shows_open_late_failed_and_coming_runs(page: Page, service: Service, world: World) -> None:
    show(page, service.reader)

    for panel in ("Running", "Late"):
        expect(
            page.get_by_role("region", name=panel, exact=True).get_by_role("link", name="nightly")
        ).to_have_attribute("href", f"#/runs/{world.running.id}")
    failed = page.get_by_role("region", name="Failed last")
    expect(failed.get_by_text("Database Error in model revenue")).to_be_visible()
    expect(page.get_by_role("region", name="Next").get_by_text(re.compile(r"^(in \d+ (s|min|h)|now)$"))).to_be_visible()
    expect(
        page.get_by_role("region", name="Timeline of runs").get_by_role("link", name=re.compile("^Running"))
    ).to_be_visible()


def test_the_view_now_updates_itself_and_announces_it_to_screen_readers(
    page: Page, service: Service, world: World
) -> None:
    show(page, service.reader)
    expect(page.get_by_role("region", name="Running").get_by_role("link")).to_have_count(1)

    world.past.write([world.past.run(world.docs, "running", ago=timedelta(seconds=0))])

    expect(page.get_by_role("region", name="Running").get_by_role("link", name="docs")).to_be_visible()
    expect(page.locator("[aria-live=polite]", has_text="docs: Running")).to_have_count(1)


def test_a_job_has_a_strip_of_its_last_runs_each_of_which_is_a_link_with_a_name(
    page: Page, service: Service, world: World
) -> None:
    show(page, service.reader, "#/projects")

    row = page.get_by_role("row", name=re.compile("^nightly"))
    expect(row.get_by_role("group", name="Last runs of nightly").get_by_role("link")).to_have_count(30)
    expect(row.get_by_role("link", name=re.compile(r"^Failed, .*5 min: Database Error"))).to_have_attribute(
        "href", f"#/runs/{world.failed.id}"
    )
    expect(row.get_by_text("Every day at 02:30")).to_be_visible()
    expect(row.get_by_text(re.compile(r"0[01]:30 UTC"))).to_be_visible()
    expect(
        page.get_by_role("row", name=re.compile("^docs")).get_by_text("After other jobs", exact=False)
    ).to_be_visible()


def test_jobs_are_found_by_a_part_of_their_name(page: Page, service: Service, world: World) -> None:
    show(page, service.reader, f"#/projects/{world.nightly['project_id']}")

    page.get_by_role("searchbox", name="Search jobs").fill("NIGHT")

    expect(page.get_by_role("row", name=re.compile("^nightly"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^docs"))).to_have_count(0)


def test_a_job_shows_its_durations_its_chain_and_its_runs(page: Page, service: Service, world: World) -> None:
    show(page, service.reader, world.job)

    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^nightly"))
    expect(page.get_by_role("group", name="How long the runs took").get_by_role("link")).to_have_count(99)
    expect(page.get_by_role("region", name="Chain").get_by_role("link", name="docs")).to_be_visible()
    expect(page.get_by_role("region", name="Runs", exact=True).get_by_role("row")).to_have_count(21)


def test_the_days_of_a_job_say_how_its_runs_ended(page: Page, service: Service, world: World) -> None:
    job = world.past.job("counted")
    for status in ("success", "success", "failed"):
        assert create_run(world.past.run(job, status, ago=timedelta(minutes=2), seconds=10))

    show(page, service.reader, f"#/projects/{job['project_id']}/jobs/{job['id']}")

    expect(page.get_by_role("img", name="The last 30 days: 2 success, 1 failed")).to_be_visible()


def test_a_run_shows_its_attempts_and_what_it_caused(page: Page, service: Service, world: World) -> None:
    job = world.past.job("tried", retries=1)
    second = world.past.run(job, attempt=2, triggered_by=TriggeredBy.RETRY, ago=timedelta(days=20), log="OK\n")
    first = world.past.run(job, "failed", retried_as=second.id, ago=timedelta(days=21), log="ERROR\n")
    caused = world.past.run(world.docs, triggered_by=TriggeredBy.CHAINED, caused_by=second.id, ago=timedelta(days=20))
    world.past.write([first, second.model_copy(update={"retry_of": first.id, "caused_runs": [caused.id]}), caused])

    show(page, service.reader, f"#/runs/{second.id}")

    chain = page.get_by_role("region", name="Chain")
    expect(chain.get_by_role("link", name="Attempt 1")).to_have_attribute("href", f"#/runs/{first.id}")
    expect(chain.get_by_text("Attempt 2")).to_have_attribute("aria-current", "true")
    expect(chain.get_by_role("link", name="docs")).to_have_attribute("href", f"#/runs/{caused.id}")


def test_a_run_that_is_watched_to_its_end_shows_what_it_caused_afterwards(
    page: Page, service: Service, world: World
) -> None:
    run = world.past.run(world.past.job("watched"), "running", ago=timedelta(minutes=1))
    caused = world.past.run(world.docs, triggered_by=TriggeredBy.CHAINED, caused_by=run.id, ago=timedelta(0))
    world.past.write([run])
    show(page, service.reader, f"#/runs/{run.id}")
    expect(page).to_have_title(re.compile("Running"))

    now = datetime.now(UTC)
    ended = run.model_copy(update={"status": RunStatus.SUCCESS, "end_time": now, "updated_at": now})
    world.past.write([ended])
    expect(page).to_have_title(re.compile("Success"))
    world.past.write([caused, ended.model_copy(update={"caused_runs": [caused.id]})])

    chain = page.get_by_role("region", name="Chain")
    expect(chain.get_by_role("link", name="docs")).to_have_attribute("href", f"#/runs/{caused.id}")


def test_a_slot_without_a_run_is_shown_as_late(page: Page, service: Service, world: World) -> None:
    due = (datetime.now(UTC) - timedelta(minutes=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    page.route(
        re.compile(r"/api/v1/projects/[^/]+/jobs\?"),
        lambda route: route.fulfill(json={"jobs": [world.nightly | {"next_run_at": due}], "total": 1}),
    )

    show(page, service.reader)

    late = page.get_by_role("region", name="Late").get_by_role("listitem").filter(has_text="Not started")
    expect(late).to_contain_text("due 7 min ago")


def test_the_slots_of_a_job_show_whether_they_ran(page: Page, service: Service, world: World) -> None:
    show(page, service.reader, f"{world.job}?tab=slots")

    slot = page.get_by_role("button", name=re.compile("Upcoming"))
    slot.focus()
    page.keyboard.press("Enter")

    expect(page.locator(".slot-chosen")).to_contain_text("Upcoming")


def test_the_times_above_a_few_slots_do_not_overlap(page: Page, service: Service, world: World) -> None:
    slots = [{"scheduled_for": f"2026-04-28T02:{minute}:00Z", "outcome": "ran"} for minute in (15, 16, 17)]
    page.route("**/slots", lambda route: route.fulfill(json={"slots": slots}))
    show(page, service.reader, f"{world.job}?tab=slots")
    expect(page.locator(".slot-time")).to_have_count(3)

    boxes = page.locator(".slot-time").evaluate_all(
        "times => times.map((one) => { const words = document.createRange(); words.selectNodeContents(one);"
        "const box = words.getBoundingClientRect(); return [box.left, box.right]; })"
    )

    assert all(right < left for (_, right), (left, _) in itertools.pairwise(boxes))


def test_the_history_of_a_job_shows_what_was_before_and_what_is_now(page: Page, service: Service, world: World) -> None:
    job = world.past.job("changed", schedule="0 1 * * *")
    world.past.change(job, schedule="0 4 * * *")

    show(page, service.reader, f"#/projects/{job['project_id']}/jobs/{job['id']}?tab=history")

    newest = page.get_by_role("listitem").filter(has_text="Version 2")
    expect(newest.locator("del")).to_contain_text("0 1 * * *")
    expect(newest.locator("ins")).to_contain_text("0 4 * * *")


def test_a_run_shows_300_models_and_marks_the_one_that_took_longest(page: Page, service: Service, world: World) -> None:
    show(page, service.reader, f"#/runs/{world.failed.id}?tab=results")

    timeline = page.get_by_role("region", name="Timeline of nodes")
    expect(timeline.get_by_text("up to 4 at a time")).to_be_visible()
    expect(timeline.locator(".node-bar")).to_have_count(298)
    expect(timeline.locator(".pole")).to_have_attribute("title", "model_006: Success, 48 s, the longest")
    expect(timeline.locator(".node-chosen")).to_contain_text("Longest: model_006")
    page.get_by_role("button", name=re.compile("^Error")).click()
    expect(page.get_by_role("table", name="Results").get_by_role("row")).to_have_count(2)
    expect(page.get_by_text("Database Error: column region does not exist")).to_be_visible()


def test_a_run_without_results_says_so_and_asks_for_none(page: Page, service: Service, world: World) -> None:
    run = world.past.run(world.nightly, log="nothing of dbt\n", ago=timedelta(days=40, hours=1))
    world.past.write([run])

    show(page, service.reader, f"#/runs/{run.id}?tab=results")

    expect(page.get_by_text("This run has no results of single nodes.")).to_be_visible()


def test_an_open_run_says_that_no_node_has_ended_yet(page: Page, service: Service, world: World) -> None:
    # Without a cluster the API cannot read live results, so the browser gets these.
    none = {"run_id": world.running.id, "results": [], "counts": {}, "complete": False}
    page.route("**/results", lambda route: route.fulfill(json=none))

    show(page, service.reader, f"#/runs/{world.running.id}?tab=results")

    expect(page.get_by_text("No node has ended yet.")).to_be_visible()


def test_the_bars_of_the_models_are_read_by_the_arrow_keys(page: Page, service: Service, world: World) -> None:
    show(page, service.reader, f"#/runs/{world.failed.id}?tab=results")

    page.get_by_role("group", name="Bars of the nodes").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")

    expect(page.locator(".node-chosen")).to_contain_text("model_001")


def test_a_run_that_left_no_files_says_so(page: Page, service: Service, world: World) -> None:
    show(page, service.reader, f"#/runs/{world.failed.id}?tab=artifacts")

    expect(page.get_by_text("This run has stored no files.")).to_be_visible()


def test_a_file_of_a_run_opens_beside_the_page(page: Page, service: Service, world: World) -> None:
    files = [{"path": "manifest.json", "size_bytes": 640_000, "content_type": "application/json"}]
    page.route("**/api/v1/runs/*/artifacts", lambda route: route.fulfill(json={"artifacts": files}))
    link = {"url": f"{service.url}/docs", "expires_at": "2026-04-28T02:00:00Z"}
    page.route("**/artifacts/manifest.json", lambda route: route.fulfill(json=link))
    show(page, service.reader, f"#/runs/{world.failed.id}?tab=artifacts")

    with page.expect_popup() as opened:
        page.get_by_role("button", name="Open manifest.json").click()

    opened.value.wait_for_url("**/docs")
    assert opened.value.evaluate("window.opener") is None
    expect(page.get_by_text("640 kB")).to_be_visible()


def test_a_file_that_the_browser_saves_leaves_no_empty_tab(page: Page, service: Service, world: World) -> None:
    files = [{"path": "index.html", "size_bytes": 640_000, "content_type": "text/html; charset=utf-8"}]
    page.route("**/api/v1/runs/*/artifacts", lambda route: route.fulfill(json={"artifacts": files}))
    link = {"url": f"{service.url}/saved", "expires_at": "2026-04-28T02:00:00Z"}
    page.route("**/artifacts/index.html", lambda route: route.fulfill(json=link))
    saved = {"content-type": "text/html", "content-disposition": 'attachment; filename="index.html"'}
    page.context.route("**/saved", lambda route: route.fulfill(body="the docs", headers=saved))
    show(page, service.reader, f"#/runs/{world.failed.id}?tab=artifacts")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download index.html").click()

    assert download.value.suggested_filename == "index.html"
    assert page.context.pages == [page]
    expect(page.get_by_text("640 kB")).to_be_visible()


def test_the_page_of_something_that_does_not_exist_says_so(page: Page, service: Service, tab: Any) -> None:
    tab.expected.add(404)

    show(page, service.reader, "#/runs/run_0000000000000000")
    expect(page.get_by_role("alert")).to_contain_text("This does not exist.")
    page.goto("/console#/nothing/of/this")

    expect(page.get_by_role("heading", level=1)).to_have_text("This page does not exist")


VIEWS: dict[str, Callable[[World], str]] = {
    "now": lambda _: "#/",
    "projects": lambda _: "#/projects",
    "job": lambda world: world.job,
    "slots": lambda world: f"{world.job}?tab=slots",
    "history": lambda world: f"{world.job}?tab=history",
    "deliveries": lambda world: f"{world.job}?tab=deliveries",
    "log": lambda world: f"#/runs/{world.failed.id}",
    "results": lambda world: f"#/runs/{world.failed.id}?tab=results",
    "artifacts": lambda world: f"#/runs/{world.failed.id}?tab=artifacts",
}
LOOKS = [{}, {"color_scheme": "dark", "viewport": PHONE}]


def settled(page: Page) -> None:
    """Wait until the view has loaded all that it shows."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


@pytest.mark.parametrize("view", LOOKS, ids=["light and wide", "dark and on a phone"])
def test_no_view_has_a_fault_or_is_wider_than_the_window(page: Page, service: Service, world: World) -> None:
    found: list[str] = []
    show(page, service.developer)
    for name, address in VIEWS.items():
        page.goto(f"/console{address(world)}")
        settled(page)
        found += [f"{name}: {fault}" for fault in axe_faults(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name} is wider than the window")

    assert found == []


@pytest.mark.parametrize(("name", "address"), [("slow", "#/"), ("slower", "#/projects")])
def test_the_end_of_an_old_run_is_shown_and_no_poll_reads_all_runs(
    page: Page, service: Service, world: World, name: str, address: str
) -> None:
    slow, often = world.past.job(name), world.past.job(f"{name}-often")
    long = world.past.run(slow, "running", ago=timedelta(minutes=9))
    world.past.write([long, world.past.run(often)])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show(page, service.reader, address)
    expect(page.locator(f"a[href='#/runs/{long.id}'].of-running")).to_be_visible()

    # More new runs than one poll reads, as after a night in which the tab was hidden.
    world.past.write([world.past.run(often, ago=timedelta(0), seconds=0) for _ in range(60)])
    now = datetime.now(UTC)
    ended = {"status": RunStatus.SUCCESS, "end_time": now, "duration_seconds": 540.0, "updated_at": now}
    world.past.write([long.model_copy(update=ended)])

    expect(page.locator(f"a[href='#/runs/{long.id}'].of-success")).to_be_visible()
    if address == "#/projects":
        expect(page.get_by_role("group", name=f"Last runs of {name}-often").get_by_role("link")).to_have_count(30)
    assert [url for url in asked if "updated_after" in url] == []
