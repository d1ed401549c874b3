"""`python -m tests.browser.pictures`, which is `make screenshots`: pictures of the console's views, for docs/pictures.

The service, the browser and the past are those of the tests. A picture has 60 kB at most.
"""

import io
import os
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import tests.aws_of_template  # noqa: F401 - it must come before the service
from deploy.console import refresh
from jobs_api.model.run import Run
from jobs_api.store.runs import create_run
from tests.browser.project_history import Past, nodes_of
from tests.browser.service import Service, serving
from tests.browser.tab import PHONE, show

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES: Final = 60_000
SIZE: Final = {"width": 1180, "height": 760}
JOBS: Final[list[dict[str, Any]]] = [
    {"name": "nightly-refresh", "command": "dbt build", "schedule": "30 2 * * *", "timezone": "Europe/Berlin"},
    {"name": "hourly-orders", "command": "dbt run --select orders+", "schedule": "@hourly"},
    {"name": "freshness", "command": "dbt source freshness", "schedule": "*/15 * * * *"},
    {"name": "marts", "command": "dbt build --select marts", "schedule": "0 6 * * 1-5", "timezone": "Europe/Berlin"},
    {"name": "weekly-full-refresh", "command": "dbt build --full-refresh", "schedule": "0 3 * * 0"},
]
LOG: Final = "\n".join(
    [
        "02:30:04  Running with dbt=1.11.2",
        "02:30:05  Found 48 models, 112 data tests, 9 seeds, 14 sources",
        *(
            f"02:30:{5 + number // 4:02}  {number} of 48 OK created view model_{number:03} [OK in 1.{number}s]"
            for number in range(1, 47)
        ),
        "02:35:00  \x1b[31mDatabase Error in model revenue (models/marts/revenue.sql)\x1b[0m",
        '02:35:00    column "region" does not exist',
        "02:35:01  Done. PASS=45 WARN=0 ERROR=1 SKIP=2 TOTAL=48\n",
    ]
)


def main() -> None:
    """Write all pictures."""
    refresh()
    FOLDER.mkdir(exist_ok=True)
    with serving("acme") as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            chromium_sandbox=os.getuid() != 0,
        )
        job, failed = _past(service)
        project = f"#/projects/{job['project_id']}"
        for name, address, seen, view in (
            ("now", "#/", "section[aria-label=Next] li", {}),
            ("now-phone", "#/", "section[aria-label=Next] li", {"viewport": PHONE}),
            ("projects", project, "[role=group] a", {}),
            ("job", f"{project}/jobs/{job['id']}", "[role=group] a", {"color_scheme": "dark"}),
            ("run", f"#/runs/{failed.id}", "main h1", {}),
            ("run-results", f"#/runs/{failed.id}?tab=results", "table", {"color_scheme": "dark"}),
        ):
            _write(name, _picture(browser, service, address, seen, view))
        browser.close()


def _past(service: Service) -> tuple[dict[str, Any], Run]:
    """Make jobs with a month of runs; return the first, and its last run, which failed."""
    past = Past(service.url, service.developer, service.organization_id, service.project.id)
    chance = random.Random(7)  # noqa: S311 - the same pictures each time
    jobs = [past.job(**fields) for fields in JOBS]
    runs = []
    for number, job in enumerate(jobs):
        usual = 60.0 + 70 * number
        every = timedelta(hours=(24, 1, 0.25, 24, 168)[number])
        for slot in range(1, 31):
            status = chance.choices(["success", "failed", "error"], [30, 2, 1])[0]
            seconds = usual * chance.uniform(0.8, 1.4)
            runs.append(past.run(job, status, ago=every * slot + timedelta(minutes=9), seconds=seconds))
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=14)
    failed = past.run(
        jobs[0],
        "failed",
        ago=timedelta(minutes=14),
        seconds=297,
        log=LOG,
        nodes=nodes_of(48, began, failed=1, skipped=2),
        exit_code=1,
        error_message='Database Error in model revenue: column "region" does not exist',
    )
    going = [past.run(job, "running", ago=timedelta(seconds=70 + 40 * at)) for at, job in enumerate(jobs[1:3])]
    # One by one, so that each end is counted on its day.
    for run in (*runs, failed):
        create_run(run)
    past.write(going)
    return jobs[0], failed


def _picture(browser: Browser, service: Service, address: str, seen: str, view: dict[str, Any]) -> bytes:
    settings = {"viewport": SIZE, "locale": "en-GB", "timezone_id": "Europe/Berlin", "reduced_motion": "reduce", **view}
    context = browser.new_context(base_url=service.url, **settings)
    page: Page = context.new_page()
    show(page, service.developer, address)
    page.locator(seen).first.wait_for()
    page.wait_for_load_state("networkidle")
    taken = page.screenshot(animations="disabled")
    context.close()
    return taken


def _write(name: str, picture: bytes) -> None:
    small = smaller(picture)
    assert len(small) <= MOST_BYTES, f"{name} has {len(small):,} bytes"
    (FOLDER / f"{name}.png").write_bytes(small)
    print(f"docs/pictures/{name}.png  {len(small):,} bytes")  # noqa: T201


def smaller(picture: bytes) -> bytes:
    """Return a picture with the 256 colours that suit it best."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()
