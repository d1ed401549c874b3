"""Which run, job, project and slot a Kubernetes Job belongs to, by its labels, annotations and owner.

For callers that need nothing else of a Job; `observed` reads this and everything else.
"""

import re
from datetime import datetime

from jobs_api.ids import derived_id
from jobs_api.k8s import labels
from jobs_api.k8s.json_fields import Object, mapping, members, moment, text, texts
from jobs_api.model.run import TriggeredBy

SCHEDULED_FOR = "batch.kubernetes.io/cronjob-scheduled-timestamp"
# On a Job made by `kubectl create job --from=cronjob/...`: it has the labels of the CronJob.
INSTANTIATED = "cronjob.kubernetes.io/instantiate"
# A slot in minutes since 1970 has eight digits from 1989 until 2160.
_SLOT_MINUTE = re.compile(r"-\d{8}$")
_MANUAL_TIME = re.compile(r"-\d{8}-\d{6}(-[a-z0-9]+)?$")


def is_run(job: Object) -> bool:
    """Return whether a Job has every label of a run; somebody with kubectl may copy only some of them."""
    ours = labels_of(job)
    return bool(ours.get(labels.PROJECT_ID) and ours.get(labels.JOB_ID))


def run_id_of(job: Object) -> str:
    """Return the id of a Job's run: a label of the Job has it, or it follows from the Job's UID."""
    return labels_of(job).get(labels.RUN_ID) or derived_id("run_", text(_metadata(job).get("uid")))


def job_id_of(job: Object) -> str:
    """Return the id of the job that a run's Job belongs to."""
    return labels_of(job).get(labels.JOB_ID, "")


def owner_of(job: Object) -> tuple[str, str]:
    """Return the ids of the project and the job that a run's Job belongs to."""
    ours = labels_of(job)
    return ours.get(labels.PROJECT_ID, ""), ours.get(labels.JOB_ID, "")


def adopted(job: Object) -> Object:
    """Return a Job without a deployment label, with this deployment's."""
    ours = {**labels_of(job), labels.DEPLOYMENT: labels.deployment()}
    return {**job, "apiVersion": "batch/v1", "kind": "Job", "metadata": {**job["metadata"], "labels": ours}}


def labelled(job: Object, *, settled: bool) -> Object:
    """Return a Job with or without the label `settled`."""
    others = {key: value for key, value in labels_of(job).items() if key != labels.SETTLED}
    settled_label = {labels.SETTLED: labels.IS_SETTLED} if settled else {}
    return {
        **job,
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**job["metadata"], "labels": others | settled_label},
    }


def is_labelled_settled(job: Object) -> bool:
    """Return whether a Job has the label `settled`; anybody may have written it."""
    return labels_of(job).get(labels.SETTLED) == labels.IS_SETTLED


def slot_of(job: Object) -> datetime | None:
    """Return the slot that a Job was made for; None for a Job that its CronJob did not make."""
    if triggered_by_of(job) is not TriggeredBy.SCHEDULED:
        return None
    return moment(_annotations(job).get(SCHEDULED_FOR))


def cronjob_name_of(job: Object) -> str:
    """Return the name of the CronJob that a Job belongs to.

    Its annotation says so, also after the CronJob was deleted and the garbage collector removed the owner. Older Jobs
    have no annotation: their owner says so, or else their name, which as a rule begins with the CronJob's.
    """
    if cronjob_name := _annotations(job).get(labels.CRONJOB):
        return cronjob_name
    metadata = _metadata(job)
    owners = members(metadata.get("ownerReferences"))
    if owner := next((text(one.get("name")) for one in owners if one.get("kind") == "CronJob"), None):
        return owner
    ending = _MANUAL_TIME if slot_of(job) is None else _SLOT_MINUTE
    return ending.sub("", text(metadata.get("name")))


def triggered_by_of(job: Object) -> TriggeredBy:
    """Return what started a Job's run. Only a Job that this service made by itself has the label of its run."""
    ours = labels_of(job)
    if labels.RUN_ID in ours:
        trigger = ours.get(labels.TRIGGERED_BY)
        return TriggeredBy(trigger) if trigger in {TriggeredBy.RETRY, TriggeredBy.CHAINED} else TriggeredBy.MANUAL
    manual = _annotations(job).get(INSTANTIATED) == TriggeredBy.MANUAL
    return TriggeredBy.MANUAL if manual else TriggeredBy.SCHEDULED


def labels_of(job: Object) -> dict[str, str]:
    """Return a Job's labels."""
    return texts(_metadata(job).get("labels"))


def _annotations(job: Object) -> dict[str, str]:
    return texts(_metadata(job).get("annotations"))


def _metadata(job: Object) -> Object:
    return mapping(job.get("metadata"))
