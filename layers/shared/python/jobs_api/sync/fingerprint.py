"""A short text that says: this version of the code compared a CronJob with its job, and found it as it should be.

The job's row keeps it, so that a later sync, in any process, need not read the CronJob's spec again.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Final

from jobs_api.k8s.pod_template import Manifest

CODE: Final = Path(__file__).parents[1]
# Stands for the fingerprint of a job that should have no CronJob and has none.
NO_CRONJOB: Final = "none"


def fingerprint(cronjob: Manifest) -> str:
    """Return a text that changes when a live CronJob's spec, labels or annotations do, or this code.

    It needs the `metadata` alone. The API server counts changes of the spec in `metadata.generation`; `resourceVersion`
    changes with the status too, each time a CronJob fires.
    https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/batch/cronjob/strategy.go
    """
    metadata = cronjob["metadata"]
    told = [
        metadata["uid"],
        metadata.get("generation") or metadata["resourceVersion"],
        metadata.get("deletionTimestamp"),
        metadata.get("labels"),
        metadata.get("annotations"),
        version_of_code(),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


@cache
def version_of_code() -> str:
    """Return a text that changes with this code: another version may want another CronJob for the same job."""
    found = hashlib.sha256()
    for file in sorted(CODE.rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()
