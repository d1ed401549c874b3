"""Ends a Job, and writes on it why, and how its command had ended: at the deadline Kubernetes deletes its Pod."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jobs_api.k8s import labels
from jobs_api.k8s.containers import Ended, read_end
from jobs_api.k8s.json_fields import Object, mapping, texts
from jobs_api.model.document import rfc3339
from jobs_api.model.run import Run

# The reason of a Job or Pod that was ended by a cancel.
CANCELLED: Final = "Cancelled"


@dataclass(frozen=True)
class Stop:
    """Why a Job is to be ended now, as `reason: message`, and how its command had ended, if it ran.

    With `makes_no_pod` the Job creates no Pod until then, even if it was suspended.
    """

    why: str
    end: str | None = None
    makes_no_pod: bool = False


def cancelled(why: str | None = None) -> Stop:
    """Return how the Job of a cancelled run is ended that has no pod which a node could end."""
    return Stop(f"{CANCELLED}: {why or 'the run was cancelled'}", makes_no_pod=True)


def stopped(job: Object, stop: Stop) -> Object:
    """Return the Job with a deadline that has passed, and with the reason. Kubernetes then ends it and deletes its Pod.

    A Job's deadline may be changed while the Job runs. A deadline that has passed ends the Job and keeps the object. A
    suspended Job has no deadline, so it is resumed; with a parallelism of 0 it creates no Pod before the deadline.
    https://kubernetes.io/docs/concepts/workloads/controllers/job/#suspending-a-job
    """
    metadata = mapping(job.get("metadata"))
    halted = {"parallelism": 0, "suspend": False} if stop.makes_no_pod else {}
    annotation = {labels.STOPPED: stop.why} | ({labels.COMMAND_END: stop.end} if stop.end else {})
    return {
        **job,
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**metadata, "annotations": texts(metadata.get("annotations")) | annotation},
        "spec": {**mapping(job.get("spec")), "activeDeadlineSeconds": 1, **halted},
    }


def end_of(run: Run) -> str | None:
    """Return the annotation that says how a run's command ended; None where the command never ran."""
    if run.exit_code is None or run.end_time is None:
        return None
    times = {"startedAt": rfc3339(run.start_time) if run.start_time else None, "finishedAt": rfc3339(run.end_time)}
    return json.dumps({"exitCode": run.exit_code, **times})


def read_command_end(annotation: str | None) -> Ended | None:
    """Read that annotation; None where it is missing, or somebody has changed it."""
    try:
        end = json.loads(annotation) if annotation else None
    except (ValueError, RecursionError):
        return None
    code = end.get("exitCode") if isinstance(end, Mapping) else None
    if not isinstance(end, Mapping) or type(code) is not int or not 0 <= code < 2**31:
        return None
    return read_end({key: end.get(key) for key in ("exitCode", "startedAt", "finishedAt")})
