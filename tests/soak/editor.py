"""A user who creates, changes, renames, pauses, triggers and deletes jobs, and records what was acknowledged."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.soak.client import Answer, Client
from tests.soak.ledger import Accepted, KnownJob, Ledger

COMMANDS = {
    "dbt build": 8,
    "dbt test --select long": 2,
    "dbt run --select fail": 2,
    "dbt run --select slow": 1,
    "dbt run --select chatty": 1,
    "dbt run --select crash": 1,
}
# The body of a trigger, by the last character of its key.
TRIGGERS: dict[str, dict[str, str]] = {
    **{key: {"command_override": "dbt run --select fail"} for key in "01"},
    **{key: {"on_overlap": "wait"} for key in "2345"},
    **{key: {"on_overlap": "skip"} for key in "67"},
}
SCHEDULES = {"* * * * *": 6, "*/2 * * * *": 2, "1-59/2 * * * *": 1}


@dataclass(frozen=True)
class Place:
    """Where an editor works: an organization, the projects in it, and where its alerts go."""

    url: str
    organization_id: str
    token: str
    projects: list[str]
    hooks: str


class Editor:
    """One editor; its seed and number decide what it does."""

    def __init__(self, number: int, seed: int, place: Place, ledger: Ledger, jobs: int) -> None:
        """Begin without jobs, and keep about this many."""
        self.client = Client(place.url, place.token, ledger)
        self._other = Client(place.url, place.token, ledger)
        self._number = number
        self._random = Random(f"{seed}/editor/{number}")  # noqa: S311 - to be repeated, not to be secret
        self._place = place
        self._ledger = ledger
        self._most = jobs
        self._names = itertools.count(1)
        self._mine: list[KnownJob] = []
        self._actions: dict[Callable[[], object], int] = {
            self._create: 2,
            self._change: 3,
            self._rename: 1,
            self._pause: 2,
            self._delete: 1,
            self._trigger: 4,
            self._trigger_twice: 2,
            self._retry: 2,
            self._pause_for_a_while: 1,
            self._cancel: 2,
            self._cancel_twice: 1,
            self._clash: 1,
            self._read_pages: 3,
        }

    def begin(self) -> None:
        """Create the first jobs; half of them are never changed."""
        for _ in range(self._most):
            self._create(steady=len(self._mine) % 2 == 0)

    def act(self) -> float:
        """Do something; return how many seconds to pause."""
        (action,) = self._random.choices(list(self._actions), list(self._actions.values()))
        action()
        return self._random.uniform(1, 2.5)

    # -- the actions

    def _create(self, *, steady: bool = False) -> None:
        if len(self._mine) >= self._most:
            return
        project_id = self._random.choice(self._place.projects)
        document = self._document(steady=steady) | self._chained(project_id, steady=steady)
        answer = self.client.call("create", "POST", f"/projects/{project_id}/jobs", document, self._key())
        if answer is None:
            self._ledger.unanswered_creates[project_id] += 1
        elif self._was(answer, 201):
            job = KnownJob(answer.json["id"], self._place.organization_id, project_id, document, steady)
            job.fires()
            self._mine.append(job)
            self._ledger.jobs[job.id] = job

    def _document(self, *, steady: bool) -> dict[str, Any]:
        document: dict[str, Any] = {
            "name": f"w{self._number} {next(self._names)}",
            "command": self._drawn(COMMANDS),
            "schedule": "* * * * *" if steady else self._drawn(SCHEDULES),
            "enabled": True,
        }
        if self._random.random() < 0.6:
            document |= {"webhook_enabled": True, "webhook_url": f"{self._place.hooks}/w{self._number}"}
            document |= {"webhook_events": ["success", "failure", "late", "long"], "expect": {"max_minutes": 1}}
        if self._random.random() < 0.3:
            both = self._random.random() < 0.5
            document |= {"slack_alerts_enabled": True, "slack_alert_on_success": both}
            document["slack_channel"] = f"#soak-{self._number}"
        if self._random.random() < 0.4:
            document |= {"retries": self._random.choice([1, 2]), "retry_delay_seconds": self._random.randint(0, 20)}
        return document

    def _chained(self, project_id: str, *, steady: bool) -> dict[str, Any]:
        """Let some jobs run after others of their project, most of these without a schedule."""
        others = [job.id for job in self._mine if job.project_id == project_id and not job.uncertain]
        if not others or self._random.random() < 0.7:
            return {}
        chosen = self._random.sample(others, min(len(others), self._random.choice([1, 1, 2])))
        on = self._random.choice([["success"], ["success", "failed", "error"]])
        after: dict[str, Any] = {"run_after": [{"job_id": one, "on": on} for one in chosen]}
        return after if steady or self._random.random() < 0.3 else {**after, "schedule": None}

    def _change(self) -> None:
        what = self._random.choice(["command", "schedule", "description"])
        drawn = {"command": COMMANDS, "schedule": SCHEDULES}.get(what)
        self._put({what: self._drawn(drawn) if drawn else f"the {next(self._names)}th"})

    def _rename(self) -> None:
        self._put({"name": f"w{self._number} {next(self._names)}"})

    def _pause(self) -> None:
        if job := self._any(loose=True):
            self._put({"enabled": not job.document["enabled"]}, job)

    def _pause_for_a_while(self) -> None:
        """Pause a job until a time, and let it resume by itself."""
        job = self._any(loose=True)
        if job is None or not job.document["schedule"]:
            return
        until = (datetime.now(UTC) + timedelta(seconds=self._random.randint(30, 150))).replace(microsecond=0)
        job.paused_until = until
        job.may_change()
        answer = self.client.call("update", "PUT", self._path(job), {"paused_until": until.isoformat()})
        if answer is None:
            job.uncertain = True
        elif answer.status != 409:
            # If the request was delayed, the pause may have begun after its own end.
            late = answer.status == 422 and datetime.now(UTC) >= until
            _ = late or self._was(answer, 200)
        job.fires()

    def _put(self, changes: dict[str, Any], job: KnownJob | None = None) -> None:
        job = job or self._any(loose=True)
        if job is None:
            return
        fires_on = not {"schedule", "enabled", "name"} & changes.keys()
        if not fires_on:
            job.may_change()
        answer = self.client.call("update", "PUT", self._path(job), changes)
        if answer is None or answer.status == 409:
            # A writer that got a conflict has written nothing.
            job.uncertain |= answer is None
        elif self._was(answer, 200):
            job.document |= changes
        if not fires_on and not job.uncertain:
            job.fires()

    def _delete(self) -> None:
        job = self._any(loose=True)
        if job is None or len(self._mine) < self._most * 2 / 3 or self._is_followed(job):
            return
        job.may_change()
        self._mine.remove(job)
        answer = self.client.call("delete", "DELETE", self._path(job))
        # If the first try was done but not answered, the second finds nothing to do.
        if answer is None:
            job.uncertain = True
        elif answer.status == 409 and answer.json["code"] == "job_has_followers":
            # A job that the soak does not know, because its creation was never answered.
            self._mine.append(job)
            job.fires()
        elif answer.status == 404 or self._was(answer, 200):
            job.deleted = True

    def _is_followed(self, job: KnownJob) -> bool:
        return any(job.id == one["job_id"] for other in self._mine for one in other.document.get("run_after", ()))

    def _trigger(self) -> None:
        if job := self._any():
            self._triggered(job, self._send_trigger(self.client, job, self._key()))

    def _trigger_twice(self) -> None:
        """Send the same request from two places at once, and once more: all three are one run."""
        job, key = self._any(), self._key()
        if job is None:
            return
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda client: self._send_trigger(client, job, key), (self.client, self._other)))
        answers.append(self._send_trigger(self.client, job, key))
        runs = {answer.json["job_run_id"] for answer in answers if answer and answer.status == 202}
        if len(runs) > 1:
            self._ledger.find(f"one Idempotency-Key made {len(runs)} runs: {runs}")
        self._triggered(job, next((one for one in answers if one and one.status == 202), answers[-1]))

    def _send_trigger(self, client: Client, job: KnownJob, key: str) -> Answer | None:
        # The body follows from the key, because the same key with another body would be another request.
        body = TRIGGERS.get(key[-1], {})
        return client.call("trigger", "POST", f"{self._path(job)}/trigger", body, key)

    def _triggered(self, job: KnownJob, answer: Answer | None) -> None:
        if answer is None:
            self._ledger.unanswered_triggers[job.id] += 1
        elif answer.status == 409 and answer.json["code"] in {"project_not_deployed", "run_in_progress"}:
            return
        elif self._was(answer, 202):
            self._ledger.accepted.append(Accepted(answer.json["job_run_id"], job.organization_id, job.id))

    def _retry(self) -> None:
        """Run again what has run, twice with one key: both are one run."""
        project_id = self._random.choice(self._place.projects)
        listed = self.client.once("list runs", "GET", f"/projects/{project_id}/runs?limit=20")
        runs = listed.json["runs"] if listed and listed.status == 200 else []
        if not runs:
            return
        path, key = f"/runs/{self._random.choice(runs)['id']}/retry", self._key()
        body = {"from": self._random.choice(["start", "failure"])}
        made = set()
        for _ in range(2):
            answer = self.client.call("retry", "POST", path, body, key)
            if answer is None:
                with self._ledger.lock:
                    self._ledger.unanswered_retries += 1
            elif answer.status != 409 and self._was(answer, 202):
                made.add(answer.json["job_run_id"])
        self._ledger.retries[self._place.organization_id] |= made
        if len(made) > 1:
            self._ledger.find(f"one Idempotency-Key made {len(made)} retries: {made}")

    def _cancel(self) -> None:
        """Cancel one of the open runs, as a person does who has read the list."""
        if run_id := self._going():
            self._cancelled(run_id, self.client.call("cancel", *self._cancel_of(run_id)))

    def _cancel_twice(self) -> None:
        """Cancel a run from two places at once, and then again."""
        run_id = self._going()
        if run_id is None:
            return
        with ThreadPoolExecutor(2) as both:
            clients = (self.client, self._other)
            answers = list(both.map(lambda client: client.call("cancel", *self._cancel_of(run_id)), clients))
        for answer in (*answers, self.client.call("cancel", *self._cancel_of(run_id))):
            self._cancelled(run_id, answer)

    def _going(self) -> str | None:
        """Return the id of an open run, or of one that has just ended."""
        project_id = self._random.choice(self._place.projects)
        answer = self.client.once("list runs", "GET", f"/projects/{project_id}/runs?limit=20")
        runs = answer.json["runs"] if answer and answer.status == 200 else []
        going = [run["id"] for run in runs if run["status"] in {"pending", "running"}] or [run["id"] for run in runs]
        return self._random.choice(going) if going else None

    def _cancel_of(self, run_id: str) -> tuple[str, str, dict[str, str], str]:
        return "POST", f"/runs/{run_id}/cancel", {"reason": f"editor {self._number} wants it so"}, self._key()

    def _cancelled(self, run_id: str, answer: Answer | None) -> None:
        if answer is None:
            self._ledger.unanswered_cancels.add(run_id)
        elif answer.status == 409 and answer.json["code"] == "run_already_ended":
            return
        elif self._was(answer, 202):
            self._ledger.cancels.add(run_id)

    def _clash(self) -> None:
        """Change two fields of a job from two places at once: neither is lost."""
        job = self._any(loose=True)
        if job is None:
            return
        changes = [{"description": f"the {next(self._names)}th"}, {"command": self._drawn(COMMANDS)}]
        with ThreadPoolExecutor(2) as both:
            answers = list(
                both.map(
                    lambda client, change: client.call("update", "PUT", self._path(job), change),
                    (self.client, self._other),
                    changes,
                )
            )
        for change, answer in zip(changes, answers, strict=True):
            if answer is None:
                job.uncertain = True
            elif answer.status != 409 and self._was(answer, 200):
                job.document |= change

    def _read_pages(self) -> None:
        """Read what a page of a user interface reads."""
        project_id = self._random.choice(self._place.projects)
        for what, path in (
            ("list jobs", f"/projects/{project_id}/jobs"),
            ("list runs", f"/projects/{project_id}/runs?limit=20"),
            ("list live jobs", "/jobs?limit=20"),
        ):
            answer = self.client.once(what, "GET", path)
            if answer and answer.status < 500:
                self._was(answer, 200)

    # -- what the actions use

    def _any(self, *, loose: bool = False) -> KnownJob | None:
        """Choose one of its jobs; a `loose` one may be changed."""
        jobs = [job for job in self._mine if not (loose and job.steady)]
        return self._random.choice(jobs) if jobs else None

    def _was(self, answer: Answer, status: int) -> bool:
        if answer.status != status:
            self._ledger.find(f"{status} was expected, and it was {answer.status}: {answer.text[:300]}")
        return answer.status == status

    def _path(self, job: KnownJob) -> str:
        return f"/projects/{job.project_id}/jobs/{job.id}"

    def _key(self) -> str:
        return f"soak-{self._number}-{next(self._names)}"

    def _drawn(self, weights: dict[str, int]) -> str:
        return self._random.choices(list(weights), list(weights.values()))[0]
