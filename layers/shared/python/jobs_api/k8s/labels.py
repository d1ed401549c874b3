"""The labels and annotations on everything this service makes in a cluster, and selectors for them."""

import hashlib
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

# https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY_US = "jobs-api"

# Which deployment made an object: two may share a cluster, and each leaves the other's alone.
DEPLOYMENT = "jobs-api.dev/deployment"

ORGANIZATION = "jobs-api.dev/organization"
PROJECT = "jobs-api.dev/project"
PROJECT_ID = "jobs-api.dev/project-id"
JOB_ID = "jobs-api.dev/job-id"
RUN_ID = "jobs-api.dev/run-id"
TRIGGERED_BY = "jobs-api.dev/triggered-by"
# On a Job of which nothing more can come: it has finished, and its run has ended. What is open is listed without these.
SETTLED = "jobs-api.dev/settled"
IS_SETTLED: Final = "true"

# Annotations: what no selector needs, and what may hold characters that a label may not.
JOB_VERSION = "jobs-api.dev/job-version"
PROJECT_VERSION = "jobs-api.dev/project-version"
SPEC_HASH = "jobs-api.dev/spec-hash"
# Since when a CronJob fires as it does: slots until then are not its own.
FIRES_SINCE = "jobs-api.dev/fires-since"
COMMAND = "jobs-api.dev/command"
JOB_TYPE = "jobs-api.dev/job-type"
# The CronJob's own name, on what is made from it: the owner of a Job goes with the CronJob.
CRONJOB = "jobs-api.dev/cronjob"
# On a Job that ingest ended by its deadline: why. It was given up, or its command had ended and something else stayed.
STOPPED = "jobs-api.dev/stopped"
# On such a Job, how its command had ended, as JSON; its Pod goes at the deadline.
COMMAND_END = "jobs-api.dev/ended"


# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_VALUE: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_NOT_IN_VALUE: Final = re.compile(r"[^A-Za-z0-9]+")


def deployment() -> str:
    """Return this deployment's mark, the value of the label DEPLOYMENT on everything that it makes."""
    return label_value(os.environ["DEPLOYMENT"])


@cache
def label_value(name: str) -> str:
    """Write a deployment's name as a label's value: itself where it is one, else cut, with 8 hex digits of its hash.

    A stack's name may have 128 characters and end in a dash; a label's value has 63 and does not.
    """
    if _VALUE.fullmatch(name):
        return name
    kept = _NOT_IN_VALUE.sub("-", name)[:54].strip("-")
    return f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def is_ours(found: Mapping[str, str]) -> bool:
    """Tell by its labels whether this deployment made an object."""
    return found.get(MANAGED_BY) == MANAGED_BY_US and found.get(DEPLOYMENT) == deployment()


def is_unlabelled(found: Mapping[str, str]) -> bool:
    """Tell by its labels whether a deployment made an object before there were marks: which one, the tables know."""
    return found.get(MANAGED_BY) == MANAGED_BY_US and DEPLOYMENT not in found


def is_of_another(found: Mapping[str, str]) -> bool:
    """Tell by its labels whether another deployment made an object."""
    return DEPLOYMENT in found and found[DEPLOYMENT] != deployment()


def selector(labels: Mapping[str, str] | None = None) -> str:
    """Build the `labelSelector` of a list call for this deployment's objects that carry all of these labels too.

    For a deployment `jobs-api`, `selector({JOB_ID: "job_abc123"})` is
    `app.kubernetes.io/managed-by=jobs-api,jobs-api.dev/deployment=jobs-api,jobs-api.dev/job-id=job_abc123`.
    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#equality-based-requirement
    """
    return _equal({MANAGED_BY: MANAGED_BY_US, DEPLOYMENT: deployment(), **(labels or {})})


def unlabelled_selector(labels: Mapping[str, str]) -> str:
    """Build the same for objects that were made before there were marks, by this deployment or another."""
    return f"{_equal({MANAGED_BY: MANAGED_BY_US, **labels})},!{DEPLOYMENT}"


def unsettled_selector(labels: Mapping[str, str]) -> str:
    """Build the same for this deployment's Jobs of which something may still come: those without the label too."""
    return f"{selector(labels)},{SETTLED}!={IS_SETTLED}"


def settled_selector(labels: Mapping[str, str]) -> str:
    """Build the same for this deployment's Jobs that carry the label which says that nothing more can come of them."""
    return selector({**labels, SETTLED: IS_SETTLED})


def _equal(wanted: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in wanted.items())
