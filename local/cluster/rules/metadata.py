"""Rules for metadata: names, labels, annotations, owners (ValidateObjectMeta)."""

from local.cluster.kinds import Kind
from local.cluster.rules.faults import Faults
from local.cluster.rules.formats import dns_label, dns_subdomain, label_value, qualified_name
from local.cluster.storage import Object

_ANNOTATION_BYTES = 256 * 1024


def check_metadata(kind: Kind, metadata: Object, faults: Faults) -> None:
    """Check the metadata of an object of `kind`."""
    check_name = dns_label if kind.resource == "namespaces" else dns_subdomain
    if prefix := metadata.get("generateName"):
        # A dash at its end is allowed, because random letters follow it.
        faults.invalid("metadata.generateName", prefix, *check_name(prefix[:-1] + "a" if prefix[-1] == "-" else prefix))
    if not metadata.get("name"):
        faults.required("metadata.name", "name or generateName is required")
    else:
        faults.invalid("metadata.name", metadata["name"], *check_name(metadata["name"]))
    if kind.namespaced:
        faults.invalid("metadata.namespace", metadata["namespace"], *dns_label(metadata["namespace"]))
    check_labels(metadata.get("labels"), "metadata.labels", faults)
    check_annotations(metadata.get("annotations"), "metadata.annotations", faults)
    _check_owners(metadata.get("ownerReferences", []), faults)
    for finalizer in metadata.get("finalizers", []):
        faults.invalid("metadata.finalizers", finalizer, *qualified_name(finalizer))


def check_labels(labels: dict[str, str] | None, path: str, faults: Faults) -> None:
    """Check labels, or a node selector, which is made of labels."""
    for key, value in (labels or {}).items():
        faults.invalid(path, key, *qualified_name(key))
        faults.invalid(path, value, *label_value(value))


def check_annotations(annotations: dict[str, str] | None, path: str, faults: Faults) -> None:
    """Check annotations: their keys, and their total size."""
    size = 0
    for key, value in (annotations or {}).items():
        faults.invalid(path, key, *qualified_name(key.lower()))
        size += len(key.encode(errors="replace")) + len(value.encode(errors="replace"))
    if size > _ANNOTATION_BYTES:
        faults.too_long(path, _ANNOTATION_BYTES)


def _check_owners(owners: list[Object], faults: Faults) -> None:
    path, controller = "metadata.ownerReferences", ""
    for owner in owners:
        for field, word in (("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")):
            if not owner.get(field):
                faults.invalid(f"{path}.{field}", "", f"{word} must not be empty")
        if owner.get("controller"):
            name = f"{owner.get('kind')}/{owner.get('name')}"
            if controller:
                found = f'Found "true" in references for {controller} and {name}'
                faults.invalid(path, owners, f"Only one reference can have Controller set to true. {found}")
            controller = name
