"""Where the console shows a run: messages lead there."""

import os


def run_page(run_id: str) -> str:
    """Return the address of a run's page, by the variable PUBLIC_URL; "" without one, as in `jobsctl`."""
    public = os.environ.get("PUBLIC_URL", "").rstrip("/")
    return f"{public}/console#/runs/{run_id}" if public else ""
