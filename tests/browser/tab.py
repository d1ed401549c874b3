"""A tab of the browser: what it opens, what went wrong in it, and what axe-core says of it."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# A box that fades in has too little contrast until then. Some animations, such as those of spinners, never end.
_ENDED_ANIMATIONS = """
Promise.allSettled(
  document.getAnimations()
    .filter(animation => Number.isFinite(animation.effect.getComputedTiming().endTime))
    .map(animation => animation.finished)
)
"""
_STATUS = re.compile(r"status of (\d{3})")


@dataclass
class Tab:
    """The errors in a tab; a test adds to `expected` the statuses that it provokes, 0 for no connection."""

    origin: str
    expected: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Note what happens from now on."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        found = _STATUS.search(message.text)
        status = int(found[1]) if found else 0
        refused = message.text.startswith("Failed to load resource")
        if not (refused and status in self.expected):
            self.problems.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.problems.append(f"request to another origin: {request.url}")


def show(page: Page, token: str, address: str = "#/") -> Page:
    """Open a view of the console in a tab that has this token."""
    page.add_init_script(f"sessionStorage.getItem('token') ?? sessionStorage.setItem('token', {json.dumps(token)})")
    page.goto(f"/console{address}")
    return page


def axe_faults(page: Page) -> list[str]:
    """Return what axe-core finds in a page once its animations have ended, with the elements that it finds."""
    page.evaluate(AXE.read_text())
    page.evaluate(f"async () => {{ await {_ENDED_ANIMATIONS} }}")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {one['help']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]
