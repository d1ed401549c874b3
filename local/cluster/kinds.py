"""The kinds of objects that this cluster stores, with Kubernetes' names and rules for each."""

from dataclasses import dataclass
from typing import Literal

type Propagation = Literal["Background", "Foreground", "Orphan"]


@dataclass(frozen=True)
class Kind:
    """One kind: `resource` is its plural in URLs, `group` is "" for the core group."""

    name: str
    resource: str
    singular: str
    group: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    # For kinds with a status, a plain write ignores the status, and a write to /status ignores the spec.
    has_status: bool = False
    counts_generations: bool = False
    # The effect of DELETE without a propagationPolicy. batch/v1 Jobs orphan their Pods, for old clients.
    propagation: Propagation = "Background"
    # Whether DELETE answers with the object instead of a Status.
    returns_deleted: bool = False

    @property
    def api_version(self) -> str:
        """Return the `apiVersion` of objects: v1 or batch/v1."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """Return the resource as error messages name it: pods or jobs.batch."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def qualified_kind(self) -> str:
        """Return the kind as validation errors name it: Pod or Job.batch."""
        return f"{self.name}.{self.group}" if self.group else self.name


KINDS = {
    kind.resource: kind
    for kind in (
        Kind("ConfigMap", "configmaps", "configmap", short_names=("cm",)),
        Kind("Event", "events", "event", short_names=("ev",)),
        Kind("LimitRange", "limitranges", "limitrange", short_names=("limits",)),
        Kind("ResourceQuota", "resourcequotas", "resourcequota", short_names=("quota",), has_status=True),
        Kind(
            "Namespace",
            "namespaces",
            "namespace",
            short_names=("ns",),
            namespaced=False,
            has_status=True,
            returns_deleted=True,
        ),
        Kind(
            "Pod",
            "pods",
            "pod",
            short_names=("po",),
            categories=("all",),
            has_status=True,
            returns_deleted=True,
        ),
        Kind("Secret", "secrets", "secret"),
        Kind("ServiceAccount", "serviceaccounts", "serviceaccount", short_names=("sa",), returns_deleted=True),
        Kind(
            "CronJob",
            "cronjobs",
            "cronjob",
            group="batch",
            short_names=("cj",),
            categories=("all",),
            has_status=True,
            counts_generations=True,
        ),
        Kind(
            "Job",
            "jobs",
            "job",
            group="batch",
            categories=("all",),
            has_status=True,
            counts_generations=True,
            propagation="Orphan",
        ),
    )
}
