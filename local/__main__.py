"""`python -m local`, which is `make run`: the whole service in one process, until Ctrl-C or SIGTERM.

Environment: PORT (3000), JOBS_API_HOME (.local), KUBECONFIG (a real cluster instead of the embedded one),
JOBS_API_MINUTE_SECONDS (2: how long a minute of the template's schedules takes).
"""

import os
import signal
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from local.gateway.server import PortTaken
from local.intrinsics import UnsupportedTemplate
from local.stack import Settings, running

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run until a signal comes; gives the exit status."""
    try:
        settings = _settings(os.environ)
    except ValueError as error:
        return _fail(error)
    stopped = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stopped.set())
    settings.home.mkdir(parents=True, exist_ok=True)
    log = settings.home / "functions.log"
    terminal = sys.stdout
    try:
        # What functions print is their log, as in Lambda; the terminal is for whoever started this.
        with log.open("w", buffering=1) as functions_log, redirect_stdout(functions_log), running(settings) as session:
            print(_welcome(session, log), file=terminal, flush=True)
            stopped.wait()
    except (PortTaken, UnsupportedTemplate) as error:
        return _fail(error)
    return 0


def _settings(environment: Any) -> Settings:
    port = environment.get("PORT") or "3000"
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"PORT must be a number up to 65535, not {port!r}")
    kubeconfig = environment.get("KUBECONFIG")
    return Settings(
        home=Path(environment.get("JOBS_API_HOME") or ".local").absolute(),
        port=int(port),
        kubeconfig=Path(kubeconfig).absolute() if kubeconfig else None,
        minute_seconds=float(environment.get("JOBS_API_MINUTE_SECONDS") or 2),
    )


def _fail(error: Exception) -> int:
    print(f"make run: {error}", file=sys.stderr)  # noqa: T201
    return 1


def _welcome(session: dict[str, Any], log: Path) -> str:
    api = f"{session['url']}/api/v1"
    jaffle = next(project["id"] for project in session["projects"] if project["name"] == "jaffle")
    authorization = f"-H 'Authorization: Bearer {session['token']}'"
    runs = f"curl -s '{api}/projects/{jaffle}/runs?limit=1' {authorization}"
    job = '{"name": "nightly-refresh", "command": "dbt build", "schedule": "* * * * *"}'
    return f"""
Jobs API  {api}
Token     {session["token"]}

A job that builds the dbt project jaffle every minute:

  curl -s {api}/projects/{jaffle}/jobs {authorization} -d '{job}'

Its runs, once the minute is over:

  curl -s {api}/projects/{jaffle}/runs {authorization}

What the last one said:

  curl -s {api}/runs/$({runs} | grep -o 'run_[0-9a-z]*' | head -n 1)/logs {authorization} -H 'Accept: text/plain'

The cluster: kubectl --kubeconfig {session["kubeconfig"]} get cronjobs,jobs,pods -n {session["organization_id"]}
The functions' log: {log}
Ctrl-C ends all of it.
"""


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # A handler that hangs is on a thread that would keep the process.
    os._exit(status)
