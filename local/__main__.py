"""`python -m local`, which is `make run`: the whole service in one process, until Ctrl-C or SIGTERM.

Environment: PORT (3000), JOBS_API_HOME (.local), JOBS_API_KUBECONFIG (a real cluster instead of the embedded one,
printed before anything is created in it; KUBECONFIG is not read), JOBS_API_MINUTE_SECONDS (10: how long a minute of the
template's schedules takes), JOBS_API_PARAMETERS (parameters of template.yaml, as `sam deploy --parameter-overrides`
takes them: "OrganizationRate=2 OrganizationBurst=5"), FRESH (1 removes what earlier starts kept).
"""

import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from local import private_files
from local.ending import EndSignal
from local.home import Home, hold, is_fresh
from local.listening import listen
from local.memory import stay_small

_TURN_SECONDS = 0.0005
# How long each part of the service has to end. A service that is killed loses no data either.
_END_SECONDS = 20.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(environment: Mapping[str, str]) -> int:
    """Run until a signal comes; return the exit status."""
    # All files are private, not only those known to hold secrets: a project may write secrets anywhere.
    os.umask(0o077)
    stay_small()
    stopped = EndSignal(*_SIGNALS)
    home = Path(environment.get("JOBS_API_HOME") or ".local").absolute()
    try:
        fresh, port = is_fresh(environment.get("FRESH") or ""), _port(environment.get("PORT") or "3000")
    except ValueError as error:
        return _fail(error)
    try:
        with hold(home) as held:
            listener = listen(port)
            held.serves_on(listener.getsockname()[1])
            for line in held.prepare(fresh=fresh):
                print(line, flush=True)  # noqa: T201
            with held.read():
                return _serve(held, listener, environment, stopped)
    except OSError as error:
        return _fail(error)


def _serve(home: Home, listener: socket.socket, environment: Mapping[str, str], stopped: EndSignal) -> int:
    # Imported here, because the import takes seconds.
    from local.intrinsics import UnsupportedTemplate  # noqa: PLC0415
    from local.stack import Settings, running  # noqa: PLC0415

    kubeconfig = environment.get("JOBS_API_KUBECONFIG")
    settings = Settings(
        home=home.path,
        kubeconfig=Path(kubeconfig).absolute() if kubeconfig else None,
        minute_seconds=float(environment.get("JOBS_API_MINUTE_SECONDS") or 10),
        parameters=dict(pair.split("=", 1) for pair in shlex.split(environment.get("JOBS_API_PARAMETERS") or "")),
    )
    log = home.path / "functions.log"
    terminal = sys.stdout
    # A request switches between threads ten times or more, and by default would wait up to 5 ms each time.
    sys.setswitchinterval(_TURN_SECONDS)
    # As in Lambda, what functions print goes to their log. The terminal shows messages to the user.
    try:
        with (
            open(log, "w", buffering=1, opener=private_files.opener) as lines,
            redirect_stdout(lines),
            running(settings, listener, lambda line: print(line, file=terminal, flush=True)) as session,
        ):
            home.started()
            print(_first_steps(session, log), file=terminal, flush=True)
            stopped.wait()
            _end_within(_END_SECONDS)
    except UnsupportedTemplate as error:
        return _fail(error)
    return 0


def _end_within(seconds: float) -> None:
    """End this process after so many seconds, if it has not ended by then; the cluster's process ends with it."""

    def end() -> None:
        print(f"make run: not every part ended within {seconds:.0f} seconds; the rest is killed", file=sys.stderr)  # noqa: T201
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"PORT must be a number up to 65535, not {text!r}")
    return int(text)


def _fail(error: Exception) -> int:
    print(f"make run: {error}", file=sys.stderr)  # noqa: T201
    return 1


def _first_steps(session: dict[str, Any], log: Path) -> str:
    api = f"{session['url']}/api/v1"
    jaffle = next((project["id"] for project in session["projects"] if project["name"] == "jaffle"), "<project id>")
    authorization = f"-H 'Authorization: Bearer {session['token']}'"
    runs = f"curl -s '{api}/projects/{jaffle}/runs?limit=1&status=success' {authorization}"
    job = '{"name": "nightly-refresh", "command": "dbt build", "schedule": "* * * * *"}'
    return f"""
Console   {session["url"]}/console (paste the token)
Reference {session["url"]}/docs
Jobs API  {api}
Token     {session["token"]}

A job that builds the dbt project jaffle every minute:

  curl -s {api}/projects/{jaffle}/jobs {authorization} -d '{job}'

Its runs, once the minute is over:

  curl -s {api}/projects/{jaffle}/runs {authorization}

What the last one that succeeded said:

  curl -s {api}/runs/$({runs} | grep -o 'run_[0-9a-z]*' | head -n 1)/logs {authorization} -H 'Accept: text/plain'

Alerts    {session["inbox"]["url"]}
          There Slack messages arrive, for any slack_channel, and webhooks to {session["inbox"]["webhook_url"]}/anything

The cluster: kubectl --kubeconfig {session["kubeconfig"]} get cronjobs,jobs,pods -n {session["organization_id"]}
The functions' log: {log}
Ctrl-C ends all of it.
"""


if __name__ == "__main__":
    status = main(os.environ)
    sys.stderr.flush()
    # A thread on which a handler hangs would keep the process from ending.
    os._exit(status)
