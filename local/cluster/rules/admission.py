"""What happens to every object on its way into the storage, whoever sends it."""

from local.cluster.kinds import Kind
from local.cluster.storage import Object


class Rules:
    """Kubernetes' defaults and validation (storage.Admission)."""

    def create(self, kind: Kind, obj: Object) -> None:
        """Fill in what is left out, then refuse what breaks a rule (Invalid)."""

    def update(self, kind: Kind, obj: Object, old: Object) -> None:
        """Do the same for a new version, which may not change everything either."""
