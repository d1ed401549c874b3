"""The labels and annotations on everything this service makes in a cluster, and selectors for them."""

from collections.abc import Mapping

# https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY_US = "jobs-api"

ORGANIZATION = "jobs-api.dev/organization"
PROJECT = "jobs-api.dev/project"
PROJECT_ID = "jobs-api.dev/project-id"
JOB_ID = "jobs-api.dev/job-id"
RUN_ID = "jobs-api.dev/run-id"
TRIGGERED_BY = "jobs-api.dev/triggered-by"

# Annotations: what no selector needs, and what may hold characters that a label may not.
JOB_VERSION = "jobs-api.dev/job-version"
PROJECT_VERSION = "jobs-api.dev/project-version"
SPEC_HASH = "jobs-api.dev/spec-hash"
COMMAND = "jobs-api.dev/command"
JOB_TYPE = "jobs-api.dev/job-type"
# The CronJob's own name, on what is made from it: the owner of a Job goes with the CronJob.
CRONJOB = "jobs-api.dev/cronjob"
# On a Job that ingest ended by its deadline: why. It was given up, or its command had ended and something else stayed.
STOPPED = "jobs-api.dev/stopped"
# On such a Job, how its command had ended, as JSON; its Pod goes at the deadline.
ENDED = "jobs-api.dev/ended"


def selector(labels: Mapping[str, str] | None = None) -> str:
    """Build the `labelSelector` of a list call for our own objects that carry all of these labels too.

    `selector({JOB_ID: "job_abc123"})` is `app.kubernetes.io/managed-by=jobs-api,jobs-api.dev/job-id=job_abc123`.
    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#equality-based-requirement
    """
    wanted = {MANAGED_BY: MANAGED_BY_US, **(labels or {})}
    return ",".join(f"{key}={value}" for key, value in wanted.items())
