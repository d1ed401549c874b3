"""Reads everything as a client does, and compares it with the tables."""

from collections.abc import Iterator

from tests.soak.auditing import SoakAudit
from tests.soak.client import Client
from tests.soak.editor import Place
from tests.soak.ledger import Ledger

LOGS = 100


def read_all(places: list[Place], ledger: Ledger, audits: list[SoakAudit]) -> Iterator[str]:
    """Page through every project's runs, and ask for the latest logs; what differs is a finding."""
    for place, audit in zip(places, audits, strict=True):
        client = Client(place.url, place.token, ledger)
        stored = {run.id: run.status for run in audit.runs}
        shown = {run_id: status for project in audit.projects for run_id, status in _runs(client, project)}
        audit.counts["runs read back over HTTP"] += len(shown)
        if shown != stored:
            yield f"the API shows {len(shown)} runs of {place.organization_id}, and {len(stored)} are stored"
        ended = sorted((run for run in audit.runs if run.log), key=lambda run: run.created_at)[-LOGS:]
        for run in ended:
            answer = client.once("read a log", "GET", f"/runs/{run.id}/logs")
            audit.counts["logs read back over HTTP"] += 1
            if answer is None or answer.status != 200 or answer.json["size_bytes"] != (run.log and run.log.size_bytes):
                yield f"the log of {run.id} cannot be read: {answer}"


def _runs(client: Client, project_id: str) -> Iterator[tuple[str, str]]:
    path, cursor = f"/projects/{project_id}/runs?limit=200", ""
    while True:
        answer = client.once("list runs", "GET", path + cursor)
        if answer is None or answer.status != 200:
            raise AssertionError(f"GET {path}{cursor}: {answer}")
        yield from ((run["id"], run["status"]) for run in answer.json["runs"])
        if "next_cursor" not in answer.json:
            return
        cursor = f"&cursor={answer.json['next_cursor']}"
