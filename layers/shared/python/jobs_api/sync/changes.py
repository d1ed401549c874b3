"""The changes that a sync makes to the CronJobs of a cluster, and the reasons to leave one as it is."""

from dataclasses import dataclass
from enum import StrEnum

from jobs_api.k8s.pod_template import Manifest


class Reason(StrEnum):
    """Why a CronJob that should be different is left as it is.

    NEWER was made from newer versions than those read. GOING is being deleted; its name is free once it is gone.
    FOREIGN has no label of this service. ANOTHERS has the label of another deployment.
    """

    NEWER = "newer"
    GOING = "going"
    FOREIGN = "foreign"
    ANOTHERS = "anothers"


@dataclass(frozen=True)
class Create:
    """Make a CronJob whose name is free."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """The CronJob's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True)
class Replace:
    """Replace a CronJob; the manifest's metadata state the uid and resourceVersion that are replaced.

    `resumes`: it fired by these versions until somebody suspended it. `dated`: the live CronJob with the status to
    write before it is replaced, None where its status may stay.
    """

    manifest: Manifest
    resumes: bool = False
    dated: Manifest | None = None

    @property
    def name(self) -> str:
        """The CronJob's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True)
class Delete:
    """Remove a CronJob that no job wants, if it has not changed meanwhile; its Jobs run to their end.

    `job_version` and `project_version` are those it was made from. `labelled`: it has a deployment label. Without one,
    another deployment may have made it: it is this one's only where the tables know its job.
    """

    name: str
    uid: str
    resource_version: str
    project_id: str
    job_id: str
    job_version: int = 0
    project_version: int = 0
    labelled: bool = True


@dataclass(frozen=True)
class Leave:
    """Change nothing, although the CronJob is not as it should be."""

    live: Manifest
    reason: Reason

    @property
    def name(self) -> str:
        """The CronJob's name."""
        return str(self.live["metadata"]["name"])


type Change = Create | Replace | Delete | Leave
