"""Starts everything of `make run`, in an order in which each part finds the parts it needs."""

import hashlib
import json
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from jobs_api.k8s import labels
from local import memory, private_files, usage_plans
from local.cluster_process import ClusterProcess
from local.emulator.database import Database
from local.emulator.emulator import Emulator
from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.inbox import PREFIX, Inbox
from local.kubernetes_api import KubernetesApi
from local.organizations import ORGANIZATION, ORGANIZATIONS, OTHER_ORGANIZATION
from local.scheduler import Scheduler
from local.sleeping import SleepWatch
from local.template import read

ROOT = Path(__file__).resolve().parent.parent
# A laptop has one user, whom the limits of the cloud would surprise.
LIMITS = {
    "OrganizationRate": "1000",
    "OrganizationBurst": "2000",
    "OrganizationListRate": "1000",
    "OrganizationTriggerRate": "1000",
    # A pass costs nothing here, and somebody who tries the service watches the result.
    "PulseSeconds": "1",
    "IdlePulseSeconds": "10",
}
# The deployment's name in the embedded cluster. In a real cluster, each laptop has its own.
MARK = "laptop"
# The bot token of the seeded organizations, which only the inbox accepts.
SLACK_TOKEN = "xoxb-laptop"  # noqa: S105 - it opens nothing but the inbox

_INBOX_PORT = "inbox port"


@dataclass(frozen=True)
class Settings:
    """The settings of the stack, from the environment.

    Args:
        home: the folder for all files.
        kubeconfig: a cluster to use instead of the embedded one.
        minute_seconds: how long a minute of the template's schedules takes.
        parameters: of the template, in place of their defaults.
    """

    home: Path
    kubeconfig: Path | None = None
    minute_seconds: float = 10.0
    parameters: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def running(
    settings: Settings, listener: socket.socket, say: Callable[[str], None] = print
) -> Iterator[dict[str, Any]]:
    """Run the stack on a listening socket; yields the content of session.json.

    The API answers and the file exists before the block runs. After the block everything ends, pods included. `say`
    shows the user which real cluster is about to be used, and what the cluster does not allow.

    Raises:
        UnusableCluster: `settings.kubeconfig` names no cluster.
        UnusableData: the data of an earlier start cannot be used.
    """
    real = KubernetesApi(settings.kubeconfig) if settings.kubeconfig else None
    session_file = settings.home / "session.json"
    session_file.unlink(missing_ok=True)
    # Outside the home, so that a new home can use the images.
    mark = deployment_of(settings.home) if real else MARK
    parameters = {**LIMITS, "DeploymentName": mark, **settings.parameters}
    if real:
        say(
            f"A real cluster, by JOBS_API_KUBECONFIG: {real}; namespaces {' and '.join(ORGANIZATIONS)}\n"
            f"Its objects there stay when this ends, with the label {labels.DEPLOYMENT}={parameters['DeploymentName']}"
        )
    template = read(ROOT / "template.yaml", parameters=parameters, cache=ROOT / ".local" / "cache")
    functions = Functions(template.functions())
    with ExitStack() as stack:
        # It starts beside this process.
        cluster = None if real else stack.enter_context(_embedded_cluster(settings.home))
        aws = stack.enter_context(Emulator(template, settings.home / "store"))
        plans = usage_plans.emulated(aws.services.api_gateway, template)
        os.environ.update(plans.environment())
        if cluster:
            cluster.wait_until_up()
        kubeconfig = cluster.kubeconfig if cluster else settings.kubeconfig
        assert kubeconfig  # noqa: S101 - one of the two has it
        os.environ["JOBS_API_KUBECONFIG"] = str(kubeconfig)
        inbox = stack.enter_context(_inbox(settings.home, aws.database, say))
        beside = {PREFIX: inbox.application}
        gateway = Gateway(definition_of(template), functions, listener, beside=beside, knows_key=plans.knows)
        os.environ.update(inbox.environment(gateway.url))
        os.environ["API_URL"] = os.environ["PUBLIC_URL"] = gateway.url
        session = _seed(settings.home, gateway.url, aws.database)
        session["kubeconfig"] = str(kubeconfig)
        refused = _seed_cluster(real or KubernetesApi(kubeconfig), settings.home)
        if refused and not real:
            raise OSError("; ".join(refused))
        for line in refused:
            say(line)
        if cluster:
            _note_stop(cluster)
        stack.enter_context(gateway)
        environment = {**aws.environment(), **inbox.environment(gateway.url), **plans.environment()}
        private_files.write(settings.home / "env", _exports(environment).encode())
        session["inbox"] = {"url": gateway.url + PREFIX, "webhook_url": inbox.hooks}
        private_files.write(session_file, json.dumps(session, indent=2).encode() + b"\n")
        stack.callback(session_file.unlink, missing_ok=True)
        sleeps = stack.enter_context(SleepWatch(_record_stop if cluster else _ignore_stop))
        stack.enter_context(Scheduler(template, functions, settings.minute_seconds, aws.services, sleeps.look))
        _ask_for_first_passes()
        # Functions are loaded in advance; a request meanwhile waits only for its own function.
        threading.Thread(target=_preload, args=(functions,), name="preload", daemon=True).start()
        yield session


def deployment_of(home: Path) -> str:
    """Return a laptop's deployment name in a real cluster: one for each home and machine, the same after a restart."""
    made_of = f"{socket.gethostname()} {os.getuid()} {home.resolve()}"
    return f"{MARK}-{hashlib.sha256(made_of.encode()).hexdigest()[:10]}"


def _inbox(home: Path, database: Database, say: Callable[[str], None]) -> Inbox:
    """Make the inbox on its earlier port, since jobs send their webhooks there."""
    before = int(database.setting(_INBOX_PORT) or 0)
    inbox = Inbox(home, frozenset({SLACK_TOKEN}), before)
    if inbox.port != before:
        database.keep_setting(_INBOX_PORT, str(inbox.port))
        if before:
            say(f"Port {before} is taken, where webhooks of earlier jobs go; the inbox now has port {inbox.port}")
    return inbox


def _embedded_cluster(home: Path) -> ClusterProcess:
    def lost(status: int) -> None:
        print(f"make run: the embedded cluster has ended with {status}, so everything ends", file=sys.stderr)  # noqa: T201
        os.kill(os.getpid(), signal.SIGTERM)

    return ClusterProcess(home, ROOT / "local" / "images", lost)


def _note_stop(cluster: ClusterProcess) -> None:
    """Write down that the service was stopped before this start, for the slots that were missed meanwhile."""
    if cluster.stopped_at is None or cluster.started_at is None:
        return
    _record_stop(cluster.stopped_at, cluster.started_at)
    cluster.stop_is_noted()


def _record_stop(since: datetime, until: datetime) -> None:
    # The store reads its tables' names from the environment when it is imported.
    from jobs_api import store  # noqa: PLC0415

    for organization in store.list_organizations():
        store.record_outages(organization, organization.outages_after_stop(since, until))


def _ignore_stop(_since: datetime, _until: datetime) -> None:
    """Do nothing: a real cluster does not sleep when the laptop does."""


def _seed_cluster(api: KubernetesApi, home: Path) -> list[str]:
    from local.seed import seed_cluster  # noqa: PLC0415

    return seed_cluster(api, home)


def _ask_for_first_passes() -> None:
    from local.first_passes import ask  # noqa: PLC0415 - the store reads its tables' names when it is imported

    ask()


def _seed(home: Path, url: str, database: Database) -> dict[str, Any]:
    # The store reads its tables' names from the environment when it is imported.
    from local.seed import seed_service  # noqa: PLC0415

    seeds = seed_service(home, SLACK_TOKEN, database)
    return {
        "url": url,
        "organization_id": ORGANIZATION,
        "token": seeds.token,
        "admin_token": seeds.admin_token,
        "reader_token": seeds.reader_token,
        "projects": [
            {"id": project.id, "name": project.settings.name, "project_type": project.settings.project_type.value}
            for project in seeds.projects
        ],
        "other": {"organization_id": OTHER_ORGANIZATION, "token": seeds.other_token},
        "pid": os.getpid(),
    }


def _preload(functions: Functions) -> None:
    functions.preload()
    memory.started()


def _exports(environment: dict[str, str]) -> str:
    """Return a file for a shell to source, so that jobsctl and the aws command line find this AWS."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
