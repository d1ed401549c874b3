"""The manifests of a job: the CronJob for its schedule and the Job for one manual run, both with the same Pod."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from jobs_api.k8s import labels
from jobs_api.k8s.pod_template import (
    NO_SECRETS,
    UNSCHEDULED_SECONDS,
    Manifest,
    labels_of_job,
    pod_of_job,
    timeout_seconds,
    with_values,
)
from jobs_api.model import commands
from jobs_api.model.document import rfc3339
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import TriggeredBy
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.words import split

# With a backoff limit of 0 any failure ends the Job. But a Pod that the cluster removed (a drained node, a spot
# instance, a preemption) says nothing about the command: it is ignored, replaced, and does not count as a failure.
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
DISRUPTIONS: Final[Manifest] = {
    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
}
# Such a Pod runs its command again from its beginning. So programs that remove nodes to save money leave a node until
# its runs have ended: EKS Auto Mode and Karpenter read the first annotation, the Cluster Autoscaler the second one.
# https://karpenter.sh/docs/concepts/disruption/#pod-level-controls
# https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
KEEPS_ITS_NODE: Final[Mapping[str, str]] = {
    "karpenter.sh/do-not-disrupt": "true",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
}


def cronjob(project: Project, job: Job, now: datetime, opened: Mapping[str, str] = NO_SECRETS) -> Manifest:
    """Return the CronJob that a job of a deployed project should have now; `opened` are its decrypted sealed values."""
    settings, policy = job.settings, project.settings
    limits = RunLimits.of(policy, settings)
    ours = labels_of_job(project, job)
    template = with_values(_job(project, job, settings.command, TriggeredBy.SCHEDULED), opened)
    spec = {
        "schedule": settings.schedule,
        "timeZone": settings.timezone,
        "concurrencyPolicy": limits.concurrency_policy.value,
        "suspend": policy.suspended or not settings.enabled or job.pause_at(project, now) is not None,
        "startingDeadlineSeconds": int(limits.starting_deadline.total_seconds()),
        "successfulJobsHistoryLimit": policy.successful_history_limit,
        "failedJobsHistoryLimit": policy.failed_history_limit,
        "jobTemplate": template,
    }
    annotations = {
        **template["metadata"]["annotations"],
        labels.PROJECT_VERSION: str(project.version),
        labels.FIRES_SINCE: rfc3339(job.fires_since(project)),
        labels.SPEC_HASH: _hash({"labels": ours, "spec": spec}),
    }
    metadata = {"name": job.cronjob_name, "namespace": project.namespace, "labels": ours, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


def job(
    project: Project,
    job: Job,
    run_id: str,
    job_name: str,
    command: str,
    triggered_by: TriggeredBy = TriggeredBy.MANUAL,
) -> Manifest:
    """Return the Kubernetes Job of a run that no CronJob makes: the Pod of the job, with the command of this run.

    It has no owner. So the concurrency policy does not count it, and it stays when the CronJob is deleted; its TTL
    removes it.
    """
    made = _job(project, job, command, triggered_by, run_id)
    metadata = {**made["metadata"], "name": job_name, "namespace": project.namespace}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": made["spec"]}


def _job(project: Project, job: Job, command: str, triggered_by: TriggeredBy, run_id: str | None = None) -> Manifest:
    """Return the metadata and spec of a Job; a CronJob has them in its template."""
    ours = {**labels_of_job(project, job), labels.TRIGGERED_BY: triggered_by.value}
    if run_id:
        ours[labels.RUN_ID] = run_id
    # Not checked again: it was valid when it was stored, and the rules may be stricter now.
    policy, words = project.settings, split(command)
    annotations = {
        labels.JOB_VERSION: str(job.version),
        labels.CRONJOB: job.cronjob_name,
        labels.COMMAND: command,
        labels.JOB_TYPE: commands.job_type(words),
    }
    metadata = {"labels": ours, "annotations": annotations}
    of_pod = {"labels": ours, "annotations": {**annotations, **KEEPS_ITS_NODE}}
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": timeout_seconds(project, job) + UNSCHEDULED_SECONDS,
        "ttlSecondsAfterFinished": policy.ttl_seconds,
        "podFailurePolicy": DISRUPTIONS,
        "template": {"metadata": of_pod, "spec": pod_of_job(project, job, words, run_id)},
    }
    return {"metadata": metadata, "spec": spec}


def _hash(wanted: Mapping[str, Any]) -> str:
    canonical_json = json.dumps(wanted, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical_json.encode()).hexdigest()
