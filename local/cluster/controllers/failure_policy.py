"""Applies a Job's podFailurePolicy to a failed Pod."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from local.cluster.controllers.objects import Object

type Action = Literal["Count", "Ignore", "FailJob"]


class Verdict(NamedTuple):
    """Whether a failure counts, is ignored or fails the Job; if it fails the Job, also a message."""

    action: Action
    message: str = ""


def judge(job: Object, pod: Object) -> Verdict:
    """Apply the first rule that matches; a failure that no rule mentions counts (matchPodFailurePolicy)."""
    for index, rule in enumerate(job["spec"].get("podFailurePolicy", {}).get("rules", [])):
        matched = next(_exit_code_matches(rule, pod), None) or next(_condition_matches(rule, pod), None)
        if matched:
            # FailIndex needs Indexed completion, which this cluster does not support, so it counts like another
            # failure.
            action: Action = rule["action"] if rule["action"] in {"Ignore", "FailJob"} else "Count"
            return Verdict(action, f"{matched} matching {action} rule at index {index}")
    return Verdict("Count")


def _exit_code_matches(rule: Object, pod: Object) -> Iterator[str]:
    wanted = rule.get("onExitCodes")
    status = pod.get("status", {})
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        code = container.get("state", {}).get("terminated", {}).get("exitCode", 0)
        if not wanted or code == 0 or wanted.get("containerName") not in {None, container["name"]}:
            continue
        if (code in wanted["values"]) == (wanted["operator"] == "In"):
            metadata = pod["metadata"]
            where = f"pod {metadata['namespace']}/{metadata['name']}"
            yield f"Container {container['name']} for {where} failed with exit code {code}"


def _condition_matches(rule: Object, pod: Object) -> Iterator[str]:
    held = {(one["type"], one["status"]) for one in pod.get("status", {}).get("conditions", [])}
    for wanted in rule.get("onPodConditions", []):
        if (wanted["type"], wanted.get("status", "True")) in held:
            metadata = pod["metadata"]
            yield f"Pod {metadata['namespace']}/{metadata['name']} has condition {wanted['type']}"
