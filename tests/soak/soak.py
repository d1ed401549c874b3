"""A soak: load and faults for a while, then quiet until tables and cluster agree, then the figures."""

import json
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from jobs_api import store
from jobs_api.cluster import ClusterRejected, lists
from jobs_api.cluster.access import _from_kubeconfig
from jobs_api.errors import ClusterError
from jobsctl import operations
from local.kubernetes_api import KubernetesApi
from tests.soak.auditing import SoakAudit, summary
from tests.soak.cluster_proxy import ClusterProxy
from tests.soak.editor import Editor, Place
from tests.soak.inbox import Collected
from tests.soak.ledger import Ledger
from tests.soak.node import Node
from tests.soak.operating import SOON, Operator, make_project, suspend
from tests.soak.reading import read_all
from tests.soak.saboteur import Saboteur
from tests.soak.settings import ROOT, Settings
from tests.soak.trouble import Trouble

# A slot's starting deadline and the grace period after it: then the slot must have a run or a miss.
SLOTS_SETTLE_SECONDS = 165
PATIENCE_SECONDS = 600
PROGRESS_SECONDS = 30


class Actor(Protocol):
    """Does one thing after another, and says how long to pause."""

    def act(self) -> float:
        """Do something."""
        ...


class Soak:
    """One soak of a running stack."""

    def __init__(
        self,
        settings: Settings,
        session: dict[str, Any],
        node: Node,
        proxy: ClusterProxy,
        trouble: tuple[Trouble, Trouble],
        happened: Counter[str],
        say: Callable[[str], None],
    ) -> None:
        """Make projects and actors, without faults. `trouble` is that of AWS's calls, and that of pulses."""
        self._settings = settings
        self._session = session
        self._say = say
        self._stop = threading.Event()
        self._ledger = Ledger(happened=happened)
        self._cluster = _from_kubeconfig(str(node.kubeconfig))
        self._inbox = Collected(session["inbox"]["url"])
        self._aws, self._pulses = trouble
        self._proxy = proxy
        # So that lists have several pages.
        lists.PAGE = 40  # type: ignore[misc]
        self._places = self._make_places(KubernetesApi(node.kubeconfig))
        self._saboteur = Saboteur(
            settings.seed,
            self._ledger,
            node,
            proxy,
            self._aws,
            self._cluster,
            [one.organization_id for one in self._places],
        )
        share = settings.jobs // settings.clients
        self._editors = [
            Editor(number, settings.seed, self._places[number % 2], self._ledger, share)
            for number in range(settings.clients)
        ]
        moving = self._places[0].projects[-1]
        self._operator = Operator(settings.seed, self._ledger, self._places[0].organization_id, moving)

    def run(self, stopped: threading.Event) -> list[str]:
        """Run the soak and return the findings. It ends early if `stopped` is set."""
        settings, self._ledger.halted = self._settings, stopped
        self._say(
            f"Soaking for {settings.seconds:.0f} s with about {settings.jobs} jobs and {settings.clients} clients, "
            f"seed {settings.seed}. {settings.home}/functions.log has what the functions say."
        )
        for editor in self._editors:
            editor.begin()
        self._real_builds()
        self._act(stopped)
        if stopped.is_set():
            return []
        return [*self._ledger.findings, *self._settle(stopped)]

    # -- before

    def _make_places(self, api: KubernetesApi) -> list[Place]:
        own, other = self._session["organization_id"], self._session["other"]["organization_id"]
        path = f"{ROOT / 'tests' / 'soak' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        for organization_id in (own, other):
            secret = {"metadata": {"name": "soak-env"}, "type": "Opaque", "stringData": {"PATH": path}}
            api.create(f"/api/v1/namespaces/{organization_id}/secrets", secret)
        policies = {"soak-forbid": "Forbid", "soak-allow": "Allow", "soak-replace": "Replace", "soak-moving": "Forbid"}
        return [
            self._place(own, self._session["token"], policies),
            self._place(other, self._session["other"]["token"], {"soak-forbid": "Forbid", "soak-allow": "Allow"}),
        ]

    def _place(self, organization_id: str, token: str, policies: dict[str, str]) -> Place:
        projects = [make_project(self._ledger, organization_id, name, policy) for name, policy in policies.items()]
        hooks = f"{self._session['inbox']['webhook_url']}/{organization_id}"
        return Place(self._session["url"], organization_id, token, projects, hooks)

    def _real_builds(self) -> None:
        """Build the example dbt project with the real dbt, besides all other jobs."""
        jaffle = next(project["id"] for project in self._session["projects"] if project["name"] == "jaffle")
        own = self._session["organization_id"]
        soon = {"starting_deadline_seconds": SOON["starting_deadline_seconds"]}
        for project in self._session["projects"]:
            operations.change_project(own, project["id"], soon)
        document = {"name": "real build", "command": "dbt build", "schedule": "*/2 * * * *"}
        answer = self._editors[0].client.call("create", "POST", f"/projects/{jaffle}/jobs", document)
        if answer is None or answer.status != 201:
            self._ledger.find(f"the real build was not made: {answer}")

    # -- meanwhile

    def _act(self, stopped: threading.Event) -> None:
        for trouble in (self._aws, self._proxy.trouble):
            trouble.calm()
        # During the whole soak: the effects of a fault on a pulse appear later, not within a storm.
        self._pulses.storm()
        actors: list[Actor] = [*self._editors, self._operator, self._saboteur]
        begun = time.monotonic()
        with ThreadPoolExecutor(len(actors)) as threads:
            for actor in actors:
                threads.submit(self._perform, actor)
            while not stopped.wait(min(self._left(begun), PROGRESS_SECONDS)):
                self._collect()
                self._say(self._progress(time.monotonic() - begun))
                if self._left(begun) <= 0:
                    break
            self._stop.set()
        self._saboteur.end()
        self._pulses.end()

    def _left(self, begun: float) -> float:
        return max(0.0, begun + self._settings.seconds - time.monotonic())

    def _perform(self, actor: Actor) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                pause = actor.act()
            except (ClusterError, ClusterRejected) as error:
                # The cluster changed while the saboteur acted.
                self._ledger.count(f"by hand in the cluster: {type(error).__name__}", "came to nothing")
                pause = 1.0
            except Exception:  # noqa: BLE001 - one that breaks is a finding, and the others continue
                self._ledger.find(f"{type(actor).__name__} could not go on:\n{traceback.format_exc()}")
                return

    def _collect(self) -> None:
        with suppress(OSError):
            self._inbox.collect()

    def _progress(self, seconds: float) -> str:
        requests, faults = sum(self._ledger.requests.values()), self._ledger.happened.total()
        return (
            f"{seconds:5.0f} s: {len(self._ledger.alive())} jobs, {len(self._ledger.accepted)} triggers accepted, "
            f"{requests} requests, {faults} faults"
        )

    # -- after

    def _settle(self, stopped: threading.Event) -> list[str]:
        """Wait until the stack is idle, audit until nothing is found or the time is over, and print the figures."""
        quiet_since = time.monotonic()
        for place in self._places:
            for project in store.list_projects(place.organization_id):
                suspend(self._ledger, place.organization_id, project.id)
        stopped.wait(SLOTS_SETTLE_SECONDS)
        while True:
            self._inbox.collect()
            audits = [self._audit(place) for place in self._places]
            findings = [finding for audit in audits for finding in audit.findings()]
            waited = time.monotonic() - quiet_since
            told = f", such as {findings[:3]}" if findings else ""
            self._say(f"{waited:5.0f} s of quiet: {len(findings)} findings{told}")
            if stopped.is_set() or not findings or waited > PATIENCE_SECONDS:
                break
            stopped.wait(10)
        findings += list(read_all(self._places, self._ledger, audits))
        self._report(audits, waited)
        (self._settings.home / "inbox.json").write_text(json.dumps(self._inbox.all, indent=1))
        return findings

    def _audit(self, place: Place) -> SoakAudit:
        channels = {f"#soak-{number}" for number in range(self._settings.clients) if self._places[number % 2] is place}
        return SoakAudit(
            place.organization_id,
            self._cluster,
            datetime.now(UTC),
            ledger=self._ledger,
            webhooks=self._inbox.webhooks.get(place.organization_id, Counter()),
            slack=sum(count for channel, count in self._inbox.slack.items() if channel in channels),
        )

    def _report(self, audits: list[SoakAudit], waited: float) -> None:
        figures = {
            "Requests by outcome": Counter(
                {f"{what}: {outcome}": count for (what, outcome), count in self._ledger.requests.items()}
            ),
            "Faults injected": self._ledger.happened,
            **summary(audits),
            "Inbox": Counter({f"verdict: {verdict}": count for verdict, count in self._inbox.refused.items()}),
        }
        for title, counts in figures.items():
            self._say(f"\n{title}")
            for what, count in sorted(counts.items()):
                self._say(f"  {count:7,}  {what}")
        self._say(f"\nAll of it agreed within {waited:.0f} s of the last fault.")
