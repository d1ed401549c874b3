"""Decides which CronJobs that no job wants a sync may remove, and records which it may not."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.model.organization import Organization
from jobs_api.store import project_records
from jobs_api.sync import removals
from jobs_api.sync.changes import Delete
from jobs_api.sync.desired import Scope
from jobs_api.sync.removals import RemovalVerdict, Standing

logger = Logger()


class Removals:
    """The removals of one comparison; only that of a whole organization shows how large the unknown part is."""

    def __init__(self, scope: Scope, now: datetime) -> None:
        self.is_whole = scope.project_id is None
        self.organization = find_organization(scope.organization_id) if self.is_whole else None
        self._scope = scope
        self._now = now

    def standing(self, orphan: Delete) -> Standing:
        """Return what the tables say about an orphan."""
        ((_, standing),) = self._standings([orphan])
        return standing

    def _standings(self, orphans: Iterable[Delete]) -> Iterator[tuple[Delete, Standing]]:
        # An organization that is being deleted keeps no CronJob.
        closed = self.organization is not None and self.organization.closed
        of_projects = defaultdict[str, list[Delete]](list)
        for orphan in orphans:
            of_projects[orphan.project_id].append(orphan)
        for project_id, found in of_projects.items():
            job_ids = {orphan.job_id for orphan in found}
            record = project_records.project_record(self._scope.organization_id, project_id, job_ids)
            yield from ((orphan, removals.standing(orphan, record, closed=closed)) for orphan in found)

    def judge(self, orphans: Sequence[Delete], there: int) -> RemovalVerdict:
        """Sort the orphans; `there` is how many CronJobs are this deployment's, without orphans that have no label."""
        confirmation = self.organization.removal_confirmation if self.organization else None
        verdict = removals.removal_verdict(
            self._standings(orphans), there, confirmation, self._now, whole=self.is_whole
        )
        if self.is_whole and verdict.unknown > len(verdict.held):
            logger.warning(
                "CronJobs that the tables do not explain are removed",
                organization_id=self._scope.organization_id,
                removed=verdict.unknown - len(verdict.held),
                there=verdict.there,
                confirmation=confirmation and confirmation.model_dump(mode="json"),
            )
        return verdict

    def record(self, verdict: RemovalVerdict, *, complete: bool) -> None:
        """Record what is held, if that has changed, and that a confirmation is used up once nothing is unknown.

        Where the comparison is not `complete`, since something failed or changed, that cannot be said.
        """
        organization = self.organization
        if organization is None:
            return
        held = removals.described(verdict.held, verdict.there, self._now) if verdict.held else None
        if held:
            logger.error(
                "CronJobs that the tables do not explain are not removed until an operator confirms",
                organization_id=organization.id,
                held=held.count,
                there=held.there,
                cronjobs=held.cronjobs,
            )
        recorded = organization.held_removals
        news = not held.is_like(recorded) if held else complete and recorded is not None
        if news:
            store.record_held_removals(organization.id, held)
        confirmation = organization.removal_confirmation
        done = complete and not verdict.held and (verdict.unknown > 0 or recorded is not None)
        if done and confirmation and confirmation.used_at is None:
            store.use_removal_confirmation(organization.id, confirmation, self._now)


def find_organization(organization_id: str) -> Organization | None:
    """Return an organization as it is now, None where there is none."""
    try:
        return store.get_organization(organization_id)
    except NotFound:
        return None
