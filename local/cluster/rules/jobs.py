"""Rules for Jobs (validateJobSpec), and for changes of Jobs."""

from typing import Any

from local.cluster.rules.faults import Faults
from local.cluster.rules.formats import dns_subdomain, qualified_name
from local.cluster.rules.pods import check_template
from local.cluster.storage import Object

_MOST_RULES, _MOST_CODES = 20, 255
_LONGEST_MANAGER = 63


def check_job_spec(spec: Object, path: str, faults: Faults) -> None:
    """Check the spec of a Job, or of the template of one."""
    numbers = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    for field in (*numbers, "backoffLimitPerIndex", "maxFailedIndexes"):
        faults.negative(f"{path}.{field}", spec.get(field))
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        faults.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if (manager := spec.get("managedBy")) is not None:
        _check_manager(manager, f"{path}.managedBy", faults)
    _check_completion(spec, path, faults)
    if policy := spec.get("podFailurePolicy"):
        _check_failure_policy(spec, policy, f"{path}.podFailurePolicy", faults)
    _check_replacement(spec, path, faults)
    check_template(spec["template"], f"{path}.template", faults)
    _check_restarts(spec, f"{path}.template.spec.restartPolicy", faults)


def check_job_update(new: Object, old: Object, faults: Faults) -> None:
    """Check that the fixed fields of a Job do not change; a suspended Job may change where it will run."""
    completions = old.get("completionMode") == "Indexed" and new.get("completions") == new.get("parallelism")
    for field in ("completions", "selector", "template", "completionMode", "podFailurePolicy", "managedBy"):
        if field == "completions" and completions:
            continue
        if new.get(field) != old.get(field):
            faults.invalid(f"spec.{field}", new.get(field), "field is immutable")


def _check_manager(manager: str, path: str, faults: Faults) -> None:
    domain, slash, name = manager.partition("/")
    if not slash or not name:
        faults.invalid(path, manager, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        faults.invalid(path, domain, *dns_subdomain(domain))
    if len(manager) > _LONGEST_MANAGER:
        faults.too_long(path, _LONGEST_MANAGER)


def _check_completion(spec: Object, path: str, faults: Faults) -> None:
    mode = spec.get("completionMode")
    if mode not in {None, "NonIndexed", "Indexed"}:
        faults.unsupported(f"{path}.completionMode", mode, ["NonIndexed", "Indexed"])
    if mode == "Indexed":
        if spec.get("completions") is None:
            faults.required(f"{path}.completions", "when completion mode is Indexed")
        return
    for field in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
        if field in spec:
            faults.invalid(f"{path}.{field}", spec[field], "requires indexed completion mode")


def _check_restarts(spec: Object, path: str, faults: Faults) -> None:
    policy = spec["template"]["spec"]["restartPolicy"]
    if policy in {"", "Always"}:  # Always is the pod's default for a missing policy
        faults.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in {"OnFailure", "Never"}:
        faults.unsupported(path, policy, ["OnFailure", "Never"])
    elif "podFailurePolicy" in spec and policy != "Never":
        faults.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _check_replacement(spec: Object, path: str, faults: Faults) -> None:
    policy = spec.get("podReplacementPolicy")
    if policy is None:
        return
    if "podFailurePolicy" in spec:
        if policy != "Failed":
            faults.unsupported(f"{path}.podReplacementPolicy", policy, ["Failed"])
    elif policy not in {"Failed", "TerminatingOrFailed"}:
        faults.unsupported(f"{path}.podReplacementPolicy", policy, ["Failed", "TerminatingOrFailed"])


def _check_failure_policy(spec: Object, policy: Object, path: str, faults: Faults) -> None:
    pod, rules = spec["template"]["spec"], policy.get("rules") or []
    named = {one.get("name", "") for one in [*(pod.get("containers") or []), *(pod.get("initContainers") or [])]}
    if len(rules) > _MOST_RULES:
        faults.too_many(f"{path}.rules", len(rules), _MOST_RULES)
    for index, rule in enumerate(rules):
        _check_rule(rule, named, f"{path}.rules[{index}]", faults)


def _check_rule(rule: Object, containers: set[str], path: str, faults: Faults) -> None:
    action, codes, conditions = rule.get("action", ""), rule.get("onExitCodes"), rule.get("onPodConditions")
    actions = ["Count", "FailIndex", "FailJob", "Ignore"]
    if not action:
        faults.required(f"{path}.action", f"valid values: {', '.join(chr(34) + one + chr(34) for one in actions)}")
    elif action not in actions:
        faults.unsupported(f"{path}.action", action, actions)
    if codes is not None:
        _check_codes(codes, containers, f"{path}.onExitCodes", faults)
    for index, pattern in enumerate(conditions or []):
        _check_condition(pattern, f"{path}.onPodConditions[{index}]", faults)
    if codes is not None and conditions:
        faults.invalid(path, rule, "specifying both OnExitCodes and OnPodConditions is not supported")
    if codes is None and not conditions:
        faults.invalid(path, rule, "specifying one of OnExitCodes and OnPodConditions is required")


def _check_codes(codes: dict[str, Any], containers: set[str], path: str, faults: Faults) -> None:
    operator, values = codes.get("operator", ""), codes.get("values") or []
    if operator not in {"In", "NotIn"}:
        if operator:
            faults.unsupported(f"{path}.operator", operator, ["In", "NotIn"])
        else:
            faults.required(f"{path}.operator", 'valid values: "In", "NotIn"')
    name = codes.get("containerName")
    if name is not None and name not in containers:
        why = "must be one of the container or initContainer names in the pod template"
        faults.invalid(f"{path}.containerName", name, why)
    if not values:
        faults.invalid(f"{path}.values", values, "at least one value is required")
    elif len(values) > _MOST_CODES:
        faults.too_many(f"{path}.values", len(values), _MOST_CODES)
    seen = set[int]()
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            faults.invalid(f"{path}.values[{index}]", value, "must not be 0 for the In operator")
        if value in seen:
            faults.duplicate(f"{path}.values[{index}]", value)
        seen.add(value)
    if values != sorted(values):
        faults.invalid(f"{path}.values", values, "must be ordered")


def _check_condition(pattern: Object, path: str, faults: Faults) -> None:
    kind, status = pattern.get("type", ""), pattern.get("status", "")
    faults.invalid(f"{path}.type", kind, *qualified_name(kind))
    if not status:
        faults.required(f"{path}.status", 'valid values: "False", "True", "Unknown"')
    elif status not in {"True", "False", "Unknown"}:
        faults.unsupported(f"{path}.status", status, ["False", "True", "Unknown"])
