"""How soon the console shows what happens now, and what that takes: `python -m benchmarks.console [jobs] [runs]`.

The stack of `make run` with so many jobs and runs (1,000 and 50,000), and a Chromium of this machine. The first visit
has an empty cache; the second one has what the first has left. A view counts as shown when its runs are there.
"""

import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.laptop_stack import Client, Laptop, until
from benchmarks.measure import Figure, report
from deploy.console import refresh

# First the open and the ended runs; then the next slots, for which all jobs are read.
FIRST: Final = "section[aria-label=Running]"
COMPLETE: Final = "section[aria-label=Next] li"
FIRST_SECONDS: Final = 1.0
VISITS: Final = 5
LINES: Final = 20
FOLLOW_SECONDS: Final = 2.0
# The command of the benchmark's runs: lines that say when they were written.
DBT: Final = f"#!/bin/sh\nfor line in $(seq {LINES}); do date +'written %s.%N'; sleep 0.5; done\n"
# Records when each line first appears in the page.
_WATCH: Final = """
window.seen = {};
setInterval(() => {
  const lines = document.body.innerText.matchAll(/written (\\d+\\.\\d+)/g);
  for (const [, at] of lines) window.seen[at] ??= Date.now() / 1000;
}, 20);
"""


@dataclass
class Visit:
    """The requests of a visit until its view was shown; sizes are those on the wire."""

    seconds: float = 0.0
    complete: float = 0.0
    page_requests: int = 0
    page_bytes: int = 0
    api_requests: int = 0
    api_bytes: int = 0
    kinds: dict[str, str] = field(default_factory=dict)

    def sent(self, event: dict[str, Any]) -> None:
        """Note a request."""
        self.kinds[event["requestId"]] = "api" if "/api/v1/" in event["request"]["url"] else "page"

    def done(self, event: dict[str, Any]) -> None:
        """Note its answer."""
        kind = self.kinds.pop(event["requestId"], "")
        size = int(event["encodedDataLength"])
        if kind == "api":
            self.api_requests, self.api_bytes = self.api_requests + 1, self.api_bytes + size
        elif kind and size:
            self.page_requests, self.page_bytes = self.page_requests + 1, self.page_bytes + size


def main(jobs: int = 1000, runs: int = 50_000) -> None:
    """Print all figures."""
    refresh()
    with TemporaryDirectory(prefix="jobs-api-bench-") as folder, sync_playwright() as playwright:
        home = Path(folder)
        stack = Laptop.started(home)
        try:
            job = _fill(stack, jobs, runs)
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
                chromium_sandbox=os.getuid() != 0,
            )
            figures = [*_figures(browser, stack), _followed(browser, stack, job)]
            report(f"The console, {jobs:,} jobs and {runs:,} runs", figures)
            browser.close()
        finally:
            stack.process.terminate()
            stack.process.wait()


def _dbt(home: Path) -> Path:
    folder = home / "programs"
    folder.mkdir()
    (folder / "dbt").write_text(DBT)
    (folder / "dbt").chmod(0o755)
    return folder


def _fill(stack: Laptop, jobs: int, runs: int) -> str:
    """Make jobs and runs; return the id of the job whose command writes lines."""
    client = Client(stack.session)
    stack.operate("project", "set", stack.session["organization_id"], stack.project, 'allowed_environment=["PATH"]')
    made = stack.create_job(client, environment={"PATH": f"{_dbt(stack.home)}:{os.environ['PATH']}"})
    for _ in range(jobs - 1):
        stack.create_job(client)
    run = client.call("POST", f"{stack.jobs}/{made['id']}/trigger")["job_run_id"]
    until(lambda: client.call("GET", f"/runs/{run}").get("end_time"), stack.process)
    stack.copy_runs(run, runs)
    return str(made["id"])


def _figures(browser: Browser, stack: Laptop) -> list[Figure]:
    firsts, seconds = [], []
    for _ in range(VISITS):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_init_script(f"sessionStorage.setItem('token', '{stack.session['token']}')")
        firsts.append(_visited(context, stack))
        seconds.append(_visited(context, stack))
        context.close()
    first, second = (sorted(each, key=lambda visit: visit.seconds)[VISITS // 2] for each in (firsts, seconds))
    return [
        Figure("to the first view, empty cache, median", first.seconds, "s", FIRST_SECONDS),
        Figure("to the first view again, median", second.seconds, "s", FIRST_SECONDS),
        Figure("until all jobs are read, empty cache", first.complete, "s"),
        Figure("requests for the page, empty cache", first.page_requests, "", 8),
        Figure("bytes of the page, empty cache", first.page_bytes, "B", 80_000),
        Figure("bytes of the page again", second.page_bytes, "B"),
        Figure("requests to the API", first.api_requests, ""),
        Figure("bytes of the API", first.api_bytes, "B"),
    ]


def _followed(browser: Browser, stack: Laptop, job: str) -> Figure:
    """Follow the log of a run in its page; return how long after it was written a line was there."""
    client = Client(stack.session)
    run = client.call("POST", f"{stack.jobs}/{job}/trigger")["job_run_id"]
    context = browser.new_context(viewport={"width": 1280, "height": 2000})
    context.add_init_script(f"sessionStorage.setItem('token', '{stack.session['token']}')")
    tab = context.new_page()
    tab.goto(f"{stack.session['url']}/console#/runs/{run}")
    tab.evaluate(_WATCH)
    # Not wait_for_function, which the page's policy does not allow.
    seen = until(lambda: found if len(found := tab.evaluate("window.seen")) >= LINES else None, stack.process)
    context.close()
    return Figure(
        "until a followed line is there, median", median(seen[at] - float(at) for at in seen), "s", FOLLOW_SECONDS
    )


def _visited(context: BrowserContext, stack: Laptop) -> Visit:
    tab = context.new_page()
    wire = context.new_cdp_session(tab)
    wire.send("Network.enable")
    visit = Visit()
    wire.on("Network.requestWillBeSent", visit.sent)
    wire.on("Network.loadingFinished", visit.done)
    begun = time.perf_counter()
    tab.goto(f"{stack.session['url']}/console", wait_until="commit")
    tab.locator(FIRST).wait_for(timeout=120_000)
    visit.seconds = time.perf_counter() - begun
    tab.locator(COMPLETE).first.wait_for(timeout=120_000)
    visit.complete = time.perf_counter() - begun
    tab.wait_for_load_state("networkidle")
    tab.close()
    return visit


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
