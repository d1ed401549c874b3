"""Rules for the volumes of pods (ValidateVolumes)."""

from jobs_api.model.quantity import parse
from local.cluster.rules.faults import Faults
from local.cluster.rules.formats import config_key, dns_label
from local.cluster.rules.structs import fields
from local.cluster.storage import Object

_LEAST_TOKEN_SECONDS, _LONGEST_TOKEN_SECONDS = 10 * 60, 1 << 32


def check_volumes(volumes: list[Object], path: str, faults: Faults) -> None:
    """Check that volumes have unique names and one source each."""
    names = set[str]()
    for index, volume in enumerate(volumes):
        at, name = f"{path}[{index}]", volume.get("name", "")
        _check_source(volume, at, faults)
        if not name:
            faults.required(f"{at}.name")
        else:
            faults.invalid(f"{at}.name", name, *dns_label(name))
        if name in names:
            faults.duplicate(f"{at}.name", name)
        names.add(name)


def _check_source(volume: Object, path: str, faults: Faults) -> None:
    sources = [field for field in fields("Volume") if field != "name" and field in volume]
    if not sources:
        faults.required(path, "must specify a volume type")
    for source in sources[1:]:
        faults.forbidden(f"{path}.{source}", "may not specify more than 1 volume type")
    if "emptyDir" in volume and (limit := volume["emptyDir"].get("sizeLimit")) and parse(limit).mantissa < 0:
        faults.forbidden(f"{path}.emptyDir.sizeLimit", "SizeLimit field must be a valid resource quantity")
    for source, field in (("secret", "secretName"), ("configMap", "name")):
        if source in volume:
            _check_reference(volume[source], field, f"{path}.{source}", faults)
    if "projected" in volume:
        _check_projected(volume["projected"], f"{path}.projected", faults)
    if "hostPath" in volume and not volume["hostPath"].get("path"):
        faults.required(f"{path}.hostPath.path")
    if "persistentVolumeClaim" in volume and not volume["persistentVolumeClaim"].get("claimName"):
        faults.required(f"{path}.persistentVolumeClaim.claimName")


def _check_reference(source: Object, field: str, path: str, faults: Faults) -> None:
    if not source.get(field):
        faults.required(f"{path}.{field}")
    _check_mode(source, path, faults)
    _check_items(source, path, faults)


def _check_mode(source: Object, path: str, faults: Faults) -> None:
    mode = source.get("defaultMode")
    if mode is not None and not 0 <= mode <= 0o777:
        faults.invalid(f"{path}.defaultMode", mode, "must be a number between 0 and 0777 (octal), both inclusive")


def _check_items(source: Object, path: str, faults: Faults) -> None:
    for index, item in enumerate(source.get("items") or []):
        at = f"{path}.items[{index}]"
        if not item.get("key"):
            faults.required(f"{at}.key")
        if not (place := item.get("path", "")):
            faults.required(f"{at}.path")
        elif place.startswith("/"):
            faults.invalid(f"{at}.path", place, "must be a relative path")
        elif ".." in place.split("/"):
            faults.invalid(f"{at}.path", place, "must not contain '..'")


def _check_projected(volume: Object, path: str, faults: Faults) -> None:
    """Check the sources of a projected volume (validateProjectionSources)."""
    _check_mode(volume, path, faults)
    for index, source in enumerate(volume.get("sources") or []):
        at = f"{path}.sources[{index}]"
        for kind in ("secret", "configMap"):
            if kind in source:
                _check_reference(source[kind], "name", f"{at}.{kind}", faults)
        if "serviceAccountToken" in source:
            _check_token(source["serviceAccountToken"], f"{at}.serviceAccountToken", faults)
        if len(source) > 1:
            faults.forbidden(at, "may not specify more than 1 volume type")


def _check_token(token: Object, path: str, faults: Faults) -> None:
    seconds, place = token.get("expirationSeconds", 0), token.get("path", "")
    if seconds < _LEAST_TOKEN_SECONDS:
        faults.invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > _LONGEST_TOKEN_SECONDS:
        why = "may not specify a duration larger than 2^32 seconds"
        faults.invalid(f"{path}.expirationSeconds", seconds, why)
    if not place:
        faults.required(f"{path}.path")
    elif place.startswith("/"):
        faults.invalid(f"{path}.path", place, "must be a relative path")
    elif ".." in place.split("/"):
        faults.invalid(f"{path}.path", place, "must not contain '..'")
    elif place.startswith(".."):
        faults.invalid(f"{path}.path", place, "must not start with '..'")


def check_keys(data: dict[str, str], path: str, faults: Faults) -> None:
    """Check the keys of a Secret or ConfigMap."""
    for key in data:
        faults.invalid(f"{path}[{key}]", key, *config_key(key))
