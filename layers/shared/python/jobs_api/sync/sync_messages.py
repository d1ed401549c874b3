"""The messages in the `sync` of a job whose CronJob cannot be made what it should be."""

import re
from typing import Final

from jobs_api.cluster import ClusterRejected, ObjectNotFound

MESSAGE_LENGTH: Final = 1000
WHO: Final = re.compile(r'User "[^"]*"')
FOREIGN: Final = (
    "The cluster has a CronJob {} that this service did not make and does not change; rename this job, or let "
    "somebody remove that CronJob"
)
ANOTHERS: Final = (
    "The cluster has a CronJob {} of another deployment of this service ({}), which this one does not change; rename "
    "this job, or give one of the two organizations another namespace"
)
HELD: Final = (
    "The cluster has the CronJob {} in place of this one. The service does not know why it is there, and removes it "
    "only when its operator confirms that"
)
UNOPENED: Final = (
    "The secret values of this job's environment cannot be decrypted at the moment; if that lasts, send them again"
)


def of_refused_pods(error: ClusterRejected, *, has_cronjob: bool) -> str:
    """Say why the cluster refuses Pods, without the name that it has for this service."""
    said = WHO.sub("this service", str(error))
    start = "The CronJob is in place, but the" if has_cronjob else "The"
    return f"{start} cluster refuses its pods: {said}"[:MESSAGE_LENGTH]


def of_rejected_cronjob(error: ClusterRejected) -> str:
    """Say what the cluster said, without the name that it has for this service."""
    text = str(error)
    if isinstance(error, ObjectNotFound):
        return f"The cluster does not have what this job needs: {text}"
    _, invalid, faults = text.partition(" is invalid: ")
    said = WHO.sub("this service", faults if invalid else text)
    return f"The cluster rejects this job: {said}"[:MESSAGE_LENGTH]
