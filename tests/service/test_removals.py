"""An orphan is removed if the tables say why it is one, and otherwise only if few CronJobs are orphans."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.k8s import labels
from jobs_api.k8s.pod_template import Manifest
from jobs_api.model.organization import RemovalConfirmation
from jobs_api.model.project_record import ProjectRecord
from jobs_api.sync import removals
from jobs_api.sync.changes import Delete
from jobs_api.sync.reconcile import plan
from jobs_api.sync.removals import RemovalVerdict, Standing
from tests.service.test_reconcile import JOBS, stored, wanted

NOON = datetime(2026, 4, 28, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def orphan(number: int = 1, **values: Any) -> Delete:
    given_ = {"project_id": "proj_a", "job_id": f"job_{number}", "job_version": 3, "project_version": 3, **values}
    return Delete(f"jaffle-{number}", f"uid-{number}", "10", **given_)


def record(job_version: int | None = 3, **values: Any) -> ProjectRecord:
    jobs = {} if job_version is None else {"job_1": job_version}
    return ProjectRecord(**{"version": 3, "deployed": True, "jobs": jobs, **values})


def confirmation(at_most: int, project_id: str | None = None, **values: Any) -> RemovalConfirmation:
    until = values.pop("until", NOON + HOUR)
    return RemovalConfirmation(at_most=at_most, project_id=project_id, confirmed_at=NOON, until=until, **values)


@pytest.mark.parametrize(
    ("why", "found"),
    [
        ("the project was deleted", record(None, version=None, deleted=True)),
        ("the project is being deleted", record(None, deleted=True)),
        ("the job was deleted", record(None, deleted_jobs={"job_1"})),
        ("the project is undeployed", record(deployed=False)),
        ("the project is undeployed by a later version", record(deployed=False, version=4)),
        ("the project is undeployed, and the job was deleted before that was kept", record(None, deployed=False)),
        ("the job was renamed", record(4)),
        ("somebody copied the CronJob by hand", record(3)),
    ],
)
def test_the_tables_explain_why_a_cronjob_is_to_be_removed(why: str, found: ProjectRecord) -> None:
    assert removals.standing(orphan(), found) is Standing.KNOWN, why


@pytest.mark.parametrize(
    ("why", "found"),
    [
        ("there is no such project", ProjectRecord()),
        ("there is no such job", record(None)),
        ("the project was not deployed yet when the tables were as they are", record(deployed=False, version=2)),
        ("the job had another name when the tables were as they are", record(2)),
        ("the job is of a later version of the project", record(version=2)),
    ],
)
def test_the_tables_do_not_know_why(why: str, found: ProjectRecord) -> None:
    assert removals.standing(orphan(), found) is Standing.UNKNOWN, why


def test_deleting_an_organization_confirms_all_removals() -> None:
    assert removals.standing(orphan(), ProjectRecord(), closed=True) is Standing.KNOWN


@pytest.mark.parametrize("found", [ProjectRecord(), record(None), record(None, deployed=False)])
def test_without_a_deployment_label_an_unknown_job_s_cronjob_is_not_ours(found: ProjectRecord) -> None:
    assert removals.standing(orphan(labelled=False), found) is Standing.STRANGER
    assert removals.standing(orphan(labelled=False), found, closed=True) is Standing.STRANGER


@pytest.mark.parametrize("found", [record(), record(None, deleted_jobs={"job_1"}), ProjectRecord(deleted=True)])
def test_without_a_deployment_label_a_known_job_s_cronjob_is_ours(found: ProjectRecord) -> None:
    assert removals.standing(orphan(labelled=False), found) is Standing.KNOWN


def judged(unknown: int, there: int, confirmation: RemovalConfirmation | None = None, **values: Any) -> RemovalVerdict:
    orphans = [(orphan(number, **values), Standing.UNKNOWN) for number in range(unknown)]
    return removals.removal_verdict(orphans, there, confirmation, NOON)


@pytest.mark.parametrize(("unknown", "there"), [(1, 10), (1, 11), (6, 66), (500, 5000)])
def test_at_most_a_tenth_is_removed_without_a_confirmation(unknown: int, there: int) -> None:
    assert (len(judged(unknown, there).removed), judged(unknown, there).held) == (unknown, [])


@pytest.mark.parametrize(("unknown", "there"), [(1, 1), (1, 9), (2, 19), (7, 66), (66, 66)])
def test_more_than_a_tenth_or_all_is_held(unknown: int, there: int) -> None:
    assert ([*judged(unknown, there).removed], len(judged(unknown, there).held)) == ([], unknown)


@pytest.mark.parametrize("there", [1, 3, 66])
def test_all_orphans_are_removed_where_the_tables_explain_them(there: int) -> None:
    orphans = [(orphan(number), Standing.KNOWN) for number in range(there)]

    assert len(removals.removal_verdict(orphans, there, None, NOON).removed) == there


def test_a_sync_of_a_part_holds_every_unknown_orphan() -> None:
    verdict = removals.removal_verdict([(orphan(), Standing.UNKNOWN)], 1000, confirmation(1), NOON, whole=False)

    assert ([*verdict.removed], [*verdict.held]) == ([], [orphan()])


def test_removals_that_an_operator_confirmed_are_made() -> None:
    assert len(judged(66, 66, confirmation(66)).removed) == 66
    assert len(judged(40, 66, confirmation(66)).removed) == 40, "the rest, after a pass that was cut off"


@pytest.mark.parametrize(
    "confirmed",
    [
        confirmation(65),
        confirmation(66, until=NOON),
        confirmation(66, used_at=NOON),
        confirmation(66, "proj_b"),
    ],
    ids=["fewer", "expired", "used", "another project"],
)
def test_unconfirmed_removals_are_held(confirmed: RemovalConfirmation) -> None:
    assert len(judged(66, 66, confirmed).held) == 66


def test_a_confirmation_for_a_project_is_for_nothing_else() -> None:
    orphans = [(orphan(number, project_id=f"proj_{'ab'[number % 2]}"), Standing.UNKNOWN) for number in range(20)]

    verdict = removals.removal_verdict(orphans, 20, confirmation(10, "proj_a"), NOON)

    assert {one.project_id for one in verdict.removed} == {"proj_a"}
    assert {one.project_id for one in verdict.held} == {"proj_b"}


def test_held_removals_are_described_in_a_bounded_text() -> None:
    found = removals.described([orphan(number) for number in range(5000)], 6000, NOON)

    assert (found.count, found.there, len(found.cronjobs), found.projects) == (5000, 6000, 20, ["proj_a"])


# A namespace that this deployment shares with another one: it has CronJobs of both, some from before the deployment
# label, and CronJobs of other programs.
MARKS = st.sampled_from(["ours", "ours", "ours", "none", "another", "foreign"])


@st.composite
def namespaces(draw: st.DrawFn) -> list[Manifest]:
    live = []
    for number in range(draw(st.integers(0, 24))):
        project, version = draw(st.sampled_from(["proj_a", "proj_b"])), draw(st.integers(1, 3))
        cronjob = stored(
            wanted(f"job_{draw(st.integers(0, 12))}", f"job-{number}", version=version, project_version=version),
            uid=f"uid-{number}",
        )
        found = cronjob["metadata"]["labels"]
        found[labels.PROJECT_ID] = project
        match draw(MARKS):
            case "none":
                del found[labels.DEPLOYMENT]
            case "another":
                found[labels.DEPLOYMENT] = "another"
            case "foreign":
                found[labels.MANAGED_BY] = "helm"
        live.append(cronjob)
    return live


@st.composite
def tables(draw: st.DrawFn) -> Mapping[str, ProjectRecord]:
    jobs = st.sets(st.integers(0, 12).map(lambda number: f"job_{number}"), max_size=12)
    return {
        project: ProjectRecord(
            version=draw(st.none() | st.integers(1, 3)),
            deployed=draw(st.booleans()),
            deleted=draw(st.booleans()) and draw(st.booleans()),
            jobs={one: draw(st.integers(1, 3)) for one in draw(jobs)},
            deleted_jobs=draw(jobs),
        )
        for project in ("proj_a", "proj_b")
    }


CONFIRMATIONS = st.none() | st.builds(
    confirmation,
    at_most=st.integers(1, 24),
    project_id=st.sampled_from([None, "proj_a", "proj_b"]),
    until=st.sampled_from([NOON - HOUR, NOON + HOUR]),
)


def _follow(
    live: list[Manifest], known: Mapping[str, ProjectRecord], confirmation: RemovalConfirmation | None
) -> RemovalVerdict:
    """Judge what a plan without any job would delete."""
    orphans = [change for change in plan({}, live) if isinstance(change, Delete)]
    marked = sum(labels.is_ours(one["metadata"]["labels"]) for one in live)
    return removals.removal_verdict(
        [(one, removals.standing(one, known[one.project_id])) for one in orphans], marked, confirmation, NOON
    )


@given(namespaces(), tables(), CONFIRMATIONS)
def test_removals_are_justified_for_any_cluster_and_tables(
    live: list[Manifest], known: Mapping[str, ProjectRecord], confirmation: RemovalConfirmation | None
) -> None:
    verdict = _follow(live, known, confirmation)
    by_name = {one["metadata"]["name"]: one["metadata"]["labels"] for one in live}
    for one in verdict.removed:
        found = by_name[one.name]
        assert labels.is_ours(found) or (labels.is_unlabelled(found) and known[one.project_id].knows_job(one.job_id))
    unknown = [one for one in verdict.removed if not removals.can_explain(one, known[one.project_id])]
    covered = [one for one in unknown if confirmation and confirmation.covers(one.project_id, NOON)]
    if confirmation and len(covered) <= confirmation.at_most:
        assert (len(unknown) - len(covered)) * removals.UNKNOWN_IN <= verdict.there
    else:
        assert len(unknown) * removals.UNKNOWN_IN <= verdict.there
    for one in verdict.held:
        assert not removals.can_explain(one, known[one.project_id])
    assert {one.name for one in verdict.strangers} <= {name for name in by_name if labels.is_unlabelled(by_name[name])}


@given(namespaces(), tables())
def test_a_second_pass_finds_nothing_more_that_it_may_remove(
    live: list[Manifest], known: Mapping[str, ProjectRecord]
) -> None:
    first = _follow(live, known, None)
    gone = {one.name for one in first.removed}

    second = _follow([one for one in live if one["metadata"]["name"] not in gone], known, None)

    # After removals the held CronJobs are a larger share of those that are left.
    assert not second.removed


@given(st.lists(JOBS, unique_by=lambda manifest: manifest["metadata"]["name"], min_size=1))
def test_tables_that_are_empty_remove_nothing(jobs: list[Manifest]) -> None:
    live = [stored(manifest, uid=f"uid-{number}") for number, manifest in enumerate(jobs)]

    verdict = _follow(live, {"proj_jaffle": ProjectRecord()}, None)

    assert (list(verdict.removed), len(verdict.held)) == ([], len(live))
