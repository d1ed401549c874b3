"""Checks and completes objects before the cluster stores them; `rules` has the checks of Kubernetes."""

from typing import TYPE_CHECKING, Protocol

from local.cluster.kinds import Kind
from local.cluster.versions import Object

if TYPE_CHECKING:
    from local.cluster.storage import Storage


class Admission(Protocol):
    """Fills in defaults and refuses what breaks a rule (ApiError); may change the object it is given."""

    def create(self, kind: Kind, obj: Object) -> None:
        """Check an object before it is stored for the first time."""

    def give_defaults(self, kind: Kind, obj: Object, storage: "Storage") -> None:
        """Before `create`, set the defaults of the object's namespace."""

    def limit(self, kind: Kind, obj: Object, storage: "Storage") -> None:
        """After `create`, refuse an object beyond the limits of its namespace."""

    def update(self, kind: Kind, obj: Object, old: Object) -> None:
        """Check an object before it replaces `old`."""


class AdmitEverything:
    """Refuses nothing and changes nothing."""

    def create(self, kind: Kind, obj: Object) -> None:
        """Accept it."""

    def give_defaults(self, kind: Kind, obj: Object, storage: "Storage") -> None:
        """Accept it."""

    def limit(self, kind: Kind, obj: Object, storage: "Storage") -> None:
        """Accept it."""

    def update(self, kind: Kind, obj: Object, old: Object) -> None:
        """Accept it."""
