"""Applies defaults and validation to every object before it is stored."""

from local.cluster.errors import Invalid
from local.cluster.kinds import Kind
from local.cluster.rules.cronjobs import LONGEST_NAME, check_cronjob_spec
from local.cluster.rules.defaults import fill_in, select_own_pods
from local.cluster.rules.faults import Faults
from local.cluster.rules.jobs import check_job_spec, check_job_update
from local.cluster.rules.limits import check, give_defaults
from local.cluster.rules.metadata import check_metadata
from local.cluster.rules.pods import check_pod_spec
from local.cluster.rules.quality import quality_of_service
from local.cluster.rules.volumes import check_keys
from local.cluster.storage import Object, Storage

# The fields of a running pod's spec that may change.
_MUTABLE = {"activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "nodeName"}


class Rules:
    """Kubernetes' defaults and validation (storage.Admission)."""

    def create(self, kind: Kind, obj: Object) -> None:
        """Set the defaults, then refuse an object that breaks a rule (Invalid)."""
        if kind.has_status:
            obj["status"] = {}
        fill_in(kind, obj)
        if kind.resource == "jobs":
            select_own_pods(obj)
        elif kind.resource == "pods":
            obj["status"] = {"phase": "Pending", "qosClass": quality_of_service(obj["spec"])}
        elif kind.resource == "namespaces":
            obj["status"] = {"phase": "Active"}
        faults = Faults()
        _check(kind, obj, faults)
        name = obj["metadata"]["name"]
        if kind.resource == "cronjobs" and len(name) > LONGEST_NAME:
            faults.invalid("metadata.name", name, f"must be no more than {LONGEST_NAME} characters")
        _refuse(kind, obj, faults)

    def give_defaults(self, kind: Kind, obj: Object, storage: Storage) -> None:
        """Set the defaults of LimitRanges in a pod."""
        if kind.resource == "pods":
            give_defaults(obj, storage)

    def limit(self, kind: Kind, obj: Object, storage: Storage) -> None:
        """Refuse an object that LimitRanges and quotas do not allow."""
        check(kind, obj, storage)

    def update(self, kind: Kind, obj: Object, old: Object) -> None:
        """Do the same for a new version, and refuse changes of fixed fields."""
        fill_in(kind, obj)
        faults = Faults()
        _check(kind, obj, faults)
        if kind.resource == "jobs":
            check_job_update(obj["spec"], old["spec"], faults)
        elif kind.resource == "pods":
            _check_pod_update(obj["spec"], old["spec"], faults)
        elif old.get("immutable") and any(obj.get(field) != old.get(field) for field in ("data", "binaryData")):
            faults.forbidden("data", "field is immutable when `immutable` is set")
        _refuse(kind, obj, faults)


def _check(kind: Kind, obj: Object, faults: Faults) -> None:
    check_metadata(kind, obj["metadata"], faults)
    match kind.resource:
        case "cronjobs":
            check_cronjob_spec(obj["spec"], faults)
        case "jobs":
            check_job_spec(obj["spec"], "spec", faults)
        case "pods":
            check_pod_spec(obj["spec"], "spec", faults)
        case "secrets" | "configmaps":
            check_keys(obj.get("data") or {}, "data", faults)


def _check_pod_update(new: Object, old: Object, faults: Faults) -> None:
    _check_deadline_update(new.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds"), faults)
    if _unchangeable(new) != _unchangeable(old):
        allowed = (
            "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
            "`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        faults.forbidden("spec", f"pod updates may not change fields other than {allowed}")


def _check_deadline_update(new: int | None, old: int | None, faults: Faults) -> None:
    """A deadline may be set, or lowered.

    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/validation/validation.go (ValidatePodUpdate)
    """
    path = "spec.activeDeadlineSeconds"
    if old is not None and new is None:
        faults.invalid(path, None, "must not update from a positive integer to nil value")
    elif old is not None and new is not None and new > old:
        faults.invalid(path, new, "must be less than or equal to previous value")


def _unchangeable(spec: Object) -> Object:
    kept = {field: value for field, value in spec.items() if field not in _MUTABLE}
    for field in ("containers", "initContainers"):
        kept[field] = [{**container, "image": ""} for container in spec.get(field) or []]
    return kept


def _refuse(kind: Kind, obj: Object, faults: Faults) -> None:
    if faults.causes:
        raise Invalid.of(kind, obj["metadata"]["name"], faults.causes)
