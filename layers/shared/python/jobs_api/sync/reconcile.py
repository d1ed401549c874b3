"""Decides what to change in a cluster so that its CronJobs are those that should be. No calls, no clock.

A CronJob carries the versions of the project and the job that it was made from. Versions only grow. So where a CronJob
has newer versions than those that a sync has read, the sync read the tables too early, and leaves the CronJob alone.
"""

from collections.abc import Iterable, Iterator, Mapping

from jobs_api.k8s import labels
from jobs_api.k8s.pod_template import Manifest
from jobs_api.sync import drift
from jobs_api.sync.changes import Change, Create, Delete, Leave, Reason, Replace


def plan(desired: Mapping[str, Manifest], live: Iterable[Manifest]) -> Iterator[Change]:
    """Yield the changes, in the order to make them, that turn a namespace's live CronJobs into the desired ones.

    Deletions come before creations, since a name may have to become free first, and after all else. Nothing is yielded
    for a CronJob that is as it should be.

    Args:
        desired: manifests by name; each is read at most twice, so a mapping may make them on demand.
        live: CronJobs as the API server lists them, each once; they are read one by one, and none is kept.
    """
    missing = dict.fromkeys(desired)
    orphans: list[Delete] = []
    for cronjob in live:
        name = cronjob["metadata"]["name"]
        change = compare(desired[name], cronjob) if name in desired else _unwanted(cronjob)
        if isinstance(change, Delete):
            orphans.append(change)
            continue
        missing.pop(name, None)
        if change:
            yield change
    yield from orphans
    for name in missing:
        yield Create(desired[name])


def compare(wanted: Manifest, live: Manifest, *, latest: bool = False) -> Replace | Delete | Leave | None:
    """Return what to do about the live CronJob with the wanted one's name; None where it is as it should be.

    It is deleted where it belongs to an earlier job with the same name. Where it has no deployment label and is this
    very job's, it is replaced by one with the label.

    Args:
        wanted: the CronJob that should be there.
        live: the CronJob that is there.
        latest: `wanted` was read after `live` was listed. Newer versions in the cluster are then wrong: somebody
            edited them, or the tables were restored from a backup.
    """
    if not _may_be_ours(live):
        return Leave(live, Reason.ANOTHERS if _is_anothers(live) else Reason.FOREIGN)
    if live["metadata"].get("deletionTimestamp"):
        return Leave(live, Reason.GOING)
    if _label(live, labels.JOB_ID) not in {"", _label(wanted, labels.JOB_ID)}:
        return _delete(live)
    if not latest and _is_newer(live, wanted):
        return Leave(live, Reason.NEWER)
    if not drift.has_drifted(wanted, live):
        return None
    there = live["metadata"]
    replaces = {"uid": there["uid"], "resourceVersion": there["resourceVersion"]}
    manifest = {**wanted, "metadata": {**wanted["metadata"], **replaces}}
    return Replace(manifest, resumes=_resumes(wanted, live), dated=_dated(wanted, live))


def _dated(wanted: Manifest, live: Manifest) -> Manifest | None:
    """Return the live CronJob as if it had last fired when the wanted one takes effect; None where it has fired since.

    The CronJob controller starts slots after `lastScheduleTime`, or else `creationTimestamp`, within the starting
    deadline, by the schedule that it finds. It does so at any change and whenever a Job ends. So if a schedule is moved
    to a minute that has just passed, the next edit would start a run for that minute.
    https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/cronjob/utils.go, `mostRecentScheduleTime`
    """
    since = wanted["metadata"]["annotations"][labels.FIRES_SINCE]
    status = live.get("status") or {}
    # All are RFC 3339 in UTC with whole seconds, so texts compare as times do.
    if wanted["spec"]["suspend"] or (status.get("lastScheduleTime") or live["metadata"]["creationTimestamp"]) >= since:
        return None
    return {**live, "apiVersion": "batch/v1", "kind": "CronJob", "status": {**status, "lastScheduleTime": since}}


def _unwanted(live: Manifest) -> Delete | None:
    return _delete(live) if _may_be_ours(live) and not live["metadata"].get("deletionTimestamp") else None


def _delete(live: Manifest) -> Delete:
    metadata = live["metadata"]
    return Delete(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        project_id=_label(live, labels.PROJECT_ID),
        job_id=_label(live, labels.JOB_ID),
        job_version=_version(live, labels.JOB_VERSION),
        project_version=_version(live, labels.PROJECT_VERSION),
        labelled=labels.is_ours(cronjob_labels(live)),
    )


def _resumes(wanted: Manifest, live: Manifest) -> bool:
    versions = (labels.JOB_VERSION, labels.PROJECT_VERSION)
    # If a pause has ended, the wanted spec is another one.
    there, asked = (one["metadata"].get("annotations") or {} for one in (live, wanted))
    same = all(_version(live, key) == _version(wanted, key) for key in versions)
    same = same and there.get(labels.SPEC_HASH) == asked.get(labels.SPEC_HASH)
    return same and bool(live.get("spec", {}).get("suspend")) and not wanted["spec"]["suspend"]


def _is_newer(live: Manifest, wanted: Manifest) -> bool:
    # One newer version is enough: project and job are read one after the other, so each of two syncs may have read a
    # newer one of them. If a sync leaves a CronJob alone for that reason, the next sync corrects it.
    return any(_version(live, key) > _version(wanted, key) for key in (labels.JOB_VERSION, labels.PROJECT_VERSION))


def _version(cronjob: Manifest, annotation: str) -> int:
    try:
        return int((cronjob["metadata"].get("annotations") or {})[annotation])
    except (KeyError, ValueError):
        return 0  # somebody removed or changed it


def cronjob_labels(live: Manifest) -> Mapping[str, str]:
    """Return a live object's labels."""
    found: Mapping[str, str] = live["metadata"].get("labels") or {}
    return found


def _may_be_ours(cronjob: Manifest) -> bool:
    """Return whether a CronJob has this deployment's label, or no deployment label and a job's id."""
    found = cronjob_labels(cronjob)
    return labels.is_ours(found) or (labels.is_unlabelled(found) and bool(found.get(labels.JOB_ID)))


def _is_anothers(cronjob: Manifest) -> bool:
    found = cronjob_labels(cronjob)
    return found.get(labels.MANAGED_BY) == labels.MANAGED_BY_US and labels.is_of_another(found)


def _label(cronjob: Manifest, key: str) -> str:
    return str(cronjob_labels(cronjob).get(key, ""))
