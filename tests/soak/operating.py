"""An operator who suspends, resumes, undeploys, deploys and breaks a project now and then, with what jobsctl does."""

from random import Random
from typing import Any

from jobsctl import operations
from tests.soak.ledger import Ledger

STEPS = ("suspend", "undeploy", "break the image", "make it anew")
SETTINGS: dict[str, dict[str, Any]] = {
    "suspend": {"suspended": True},
    "undeploy": {"deployed": False},
    "break the image": {"image": "nowhere"},
}
REPAIRED = {"suspended": False, "deployed": True, "image": "python"}
SOON = {
    "working_directory": "/tmp",  # noqa: S108 - any folder will do: what runs there reads none
    "environment_secret": "soak-env",
    # So that misses are recorded during the soak.
    "starting_deadline_seconds": 30,
    "successful_history_limit": 5,
    "failed_history_limit": 5,
    "ttl_seconds": 600,
}


def make_project(ledger: Ledger, organization_id: str, name: str, policy: str) -> str:
    """Make a project whose dbt is the stand-in; return its id."""
    project = operations.create_project(
        organization_id,
        {
            "name": name,
            "project_type": "dbt",
            "image": "python",
            "concurrency_policy": policy,
            "deployed": True,
            **SOON,
        },
    )
    ledger.project_fires(project.id)
    return project.id


def suspend(ledger: Ledger, organization_id: str, project_id: str) -> None:
    """Suspend a project."""
    ledger.project_may_change(project_id)
    operations.change_project(organization_id, project_id, {"suspended": True})


class Operator:
    """One who works on a single project, on which others work meanwhile."""

    def __init__(self, seed: int, ledger: Ledger, organization_id: str, project_id: str) -> None:
        """Begin with a project that is deployed."""
        self._random = Random(f"{seed}/operator")  # noqa: S311 - to be repeated, not to be secret
        self._ledger = ledger
        self._organization_id = organization_id
        self._project_id = project_id
        self._broken = False
        self._fleeting: str | None = None
        self._made = 0

    def act(self) -> float:
        """Break what is whole, or repair what is broken; return how many seconds to pause."""
        if self._broken:
            self._change("repair", REPAIRED)
            self._broken = False
            # Long enough for a slot to be due.
            return self._random.uniform(130, 200)
        step = self._random.choice(STEPS)
        if step == "make it anew":
            self._make_another()
            return self._random.uniform(10, 30)
        self._change(step, SETTINGS[step])
        self._broken = True
        return self._random.uniform(15, 60)

    def _change(self, step: str, settings: dict[str, Any]) -> None:
        # A broken image does not change when the schedule fires.
        if "image" not in settings or step == "repair":
            self._ledger.project_may_change(self._project_id)
        operations.change_project(self._organization_id, self._project_id, settings)
        if step == "repair":
            self._ledger.project_fires(self._project_id)
        self._ledger.count(f"jobsctl: {step}", "done")

    def _make_another(self) -> None:
        """Make a project, and delete the one made before."""
        if self._fleeting:
            operations.delete_project(self._organization_id, self._fleeting)
        self._made += 1
        self._fleeting = make_project(self._ledger, self._organization_id, f"soak-fleeting-{self._made}", "Forbid")
        self._ledger.count("jobsctl: make a project, delete another", "done")
