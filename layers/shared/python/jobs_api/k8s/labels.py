"""The labels and annotations on every object that this service makes in a cluster, and selectors for them."""

import hashlib
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

# https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY_US = "jobs-api"

# Which deployment made an object. Two deployments may share a cluster, and neither changes the other's objects.
DEPLOYMENT = "jobs-api.dev/deployment"

ORGANIZATION = "jobs-api.dev/organization"
PROJECT = "jobs-api.dev/project"
PROJECT_ID = "jobs-api.dev/project-id"
JOB_ID = "jobs-api.dev/job-id"
RUN_ID = "jobs-api.dev/run-id"
TRIGGERED_BY = "jobs-api.dev/triggered-by"
# On a Job that has finished and whose run has ended. A pass lists the Jobs without this label.
SETTLED = "jobs-api.dev/settled"
IS_SETTLED: Final = "true"

# Annotations: facts that no selector needs, or that may contain characters which a label may not.
JOB_VERSION = "jobs-api.dev/job-version"
PROJECT_VERSION = "jobs-api.dev/project-version"
SPEC_HASH = "jobs-api.dev/spec-hash"
# When the CronJob's current schedule took effect: earlier slots do not belong to this schedule.
FIRES_SINCE = "jobs-api.dev/fires-since"
COMMAND = "jobs-api.dev/command"
JOB_TYPE = "jobs-api.dev/job-type"
# The name of the CronJob, on each Job made from it: a Job loses its owner when the CronJob is deleted.
CRONJOB = "jobs-api.dev/cronjob"
# On a Job that ingest ended by its deadline: why. Ingest gave it up, or its command had ended and a sidecar stayed.
STOPPED = "jobs-api.dev/stopped"
# On the same Job, how its command had ended, as JSON; Kubernetes deletes its Pod at the deadline.
COMMAND_END = "jobs-api.dev/ended"
# On a Pod whose deadline was lowered because somebody cancelled the run: when.
CANCELLED_AT = "jobs-api.dev/cancelled-at"


# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_VALUE: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_NOT_IN_VALUE: Final = re.compile(r"[^A-Za-z0-9]+")


def deployment() -> str:
    """Return the value of the label DEPLOYMENT on every object that this deployment makes."""
    return label_value(os.environ["DEPLOYMENT"])


@cache
def label_value(name: str) -> str:
    """Return a deployment's name as a valid label value: unchanged, or shortened with 8 hex digits of its hash.

    The name of a stack may have 128 characters and end in a dash; the value of a label has 63 and ends in none.
    """
    if _VALUE.fullmatch(name):
        return name
    kept = _NOT_IN_VALUE.sub("-", name)[:54].strip("-")
    return f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def is_ours(found: Mapping[str, str]) -> bool:
    """Return whether this deployment made an object, by its labels."""
    return found.get(MANAGED_BY) == MANAGED_BY_US and found.get(DEPLOYMENT) == deployment()


def is_unlabelled(found: Mapping[str, str]) -> bool:
    """Return whether an object is from before the deployment label; the tables then know which deployment made it."""
    return found.get(MANAGED_BY) == MANAGED_BY_US and DEPLOYMENT not in found


def is_of_another(found: Mapping[str, str]) -> bool:
    """Return whether another deployment made an object, by its labels."""
    return DEPLOYMENT in found and found[DEPLOYMENT] != deployment()


def selector(labels: Mapping[str, str] | None = None) -> str:
    """Build the `labelSelector` of a list call for this deployment's objects that carry all of these labels too.

    For a deployment `jobs-api`, `selector({JOB_ID: "job_abc123"})` is
    `app.kubernetes.io/managed-by=jobs-api,jobs-api.dev/deployment=jobs-api,jobs-api.dev/job-id=job_abc123`.
    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#equality-based-requirement
    """
    return _equal({MANAGED_BY: MANAGED_BY_US, DEPLOYMENT: deployment(), **(labels or {})})


def unlabelled_selector(labels: Mapping[str, str]) -> str:
    """Build the selector for objects without the deployment label: an earlier version of a deployment made them."""
    return f"{_equal({MANAGED_BY: MANAGED_BY_US, **labels})},!{DEPLOYMENT}"


def unsettled_selector(labels: Mapping[str, str]) -> str:
    """Build the selector for this deployment's Jobs that are not settled: those without the label `settled`."""
    return f"{selector(labels)},{SETTLED}!={IS_SETTLED}"


def settled_selector(labels: Mapping[str, str]) -> str:
    """Build the selector for this deployment's Jobs with the label `settled`."""
    return selector({**labels, SETTLED: IS_SETTLED})


def _equal(wanted: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in wanted.items())
