"""A real browser before the real handlers: one Chromium and one service for a file, one tab for a test.

A tab fails its test if the page writes an error to the console, throws one, or asks anything of another origin.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from deploy.console import refresh
from tests.aws_of_template import within_its_policy
from tests.browser.service import Service, serving
from tests.browser.tab import WIDE, Tab

__all__ = ["within_its_policy"]

# Playwright waits five seconds by default, which is too short while other tests run on the machine.
expect.set_options(timeout=60_000)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def console_site() -> Path:
    """The folder that serve_console serves, made from what console/ is now."""
    return refresh()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium of this machine. Its end frees the event loop of this thread, which tests of other files use."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, "no Chromium on the PATH: run make .tools/chromium/ready, or apt-get install chromium"
    with sync_playwright() as playwright:
        # Chromium refuses to run as root with its sandbox.
        running = playwright.chromium.launch(executable_path=found, chromium_sandbox=os.getuid() != 0)
        yield running
        running.close()


@pytest.fixture(scope="module")
def service(console_site: Path) -> Iterator[Service]:
    """The API and its pages over HTTP."""
    assert console_site.exists()
    with serving() as running:
        yield running


@pytest.fixture
def tab(service: Service) -> Iterator[Tab]:
    """A tab, which may have no problems when the test ends."""
    watched = Tab(service.url)
    yield watched
    assert watched.problems == []


@pytest.fixture
def view() -> dict[str, Any]:
    """The width and the colours of the tab; a test parametrizes it with what `new_context` of Playwright takes."""
    return {}


@pytest.fixture
def page(browser: Browser, service: Service, tab: Tab, view: dict[str, Any]) -> Iterator[Page]:
    """A new tab, without a token, with fixed language and time zone."""
    settings: dict[str, Any] = {"viewport": WIDE, "locale": "en-GB", "timezone_id": "Europe/Berlin", **view}
    context = browser.new_context(base_url=service.url, reduced_motion="reduce", **settings)
    context.set_default_timeout(60_000)
    tab.watch(context)
    yield context.new_page()
    context.close()
