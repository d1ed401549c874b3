"""The kinds of objects this cluster keeps, and how Kubernetes names and treats each."""

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
    # Kinds with a status ignore one in a plain write, and the spec in a write to /status.
    has_status: bool = False
    counts_generations: bool = False
    # What DELETE does where the caller names no propagationPolicy. batch/v1 Jobs orphan, for old clients' sake.
    propagation: Propagation = "Background"
    # Kinds whose DELETE answers with the object rather than with a Status.
    returns_deleted: bool = False

    @property
    def api_version(self) -> str:
        """Give `apiVersion` as objects state it: v1 or batch/v1."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """Give the resource as error messages name it: pods or jobs.batch."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def qualified_kind(self) -> str:
        """Give the kind as validation errors name it: Pod or Job.batch."""
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
