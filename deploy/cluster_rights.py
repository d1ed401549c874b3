"""Asks a cluster whether it grants what the manifest deploy/kubernetes/jobs-api.yaml does, in each namespace.

    python -m deploy.cluster_rights NAMESPACE... [--group jobs-api]

The manifest is the one list of rights. A cluster to which an older one was applied lacks some: `patch` on pods, without
which no run that has started can be cancelled. It uses kubectl, and your right to impersonate groups.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

MANIFEST: Final = Path(__file__).parent / "kubernetes" / "jobs-api.yaml"
GROUP: Final = "jobs-api"
TIMEOUT_SECONDS: Final = 15
# Each question is a process that waits for the cluster.
AT_ONCE: Final = 8


@dataclass(frozen=True)
class Right:
    """A right of a group: a verb on a resource of its namespaces, or on a path that has none."""

    group: str
    verb: str
    resource: str

    @property
    def namespaced(self) -> bool:
        """Whether it is a right in a namespace."""
        return not self.resource.startswith("/")

    def question(self, namespace: str) -> list[str]:
        """Return the arguments with which kubectl asks whether the group has it."""
        resource, _, part = self.resource.partition("/") if self.namespaced else (self.resource, "", "")
        where = ["-n", namespace] if self.namespaced else []
        target = [resource, *([f"--subresource={part}"] if part else [])]
        return ["auth", "can-i", self.verb, *target, *where, "--as", "x", "--as-group", self.group]


def rights(group: str = GROUP) -> list[Right]:
    """Return the manifest's rights, where the deployment's group is `group`, by its bindings."""
    documents = list(yaml.safe_load_all(MANIFEST.read_text()))
    roles = {one["metadata"]["name"]: one["rules"] for one in documents if one["kind"] == "ClusterRole"}
    bound = [one for one in documents if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    return [
        Right(subject["name"].replace(GROUP, group, 1), verb, resource)
        for binding in bound
        for subject in binding["subjects"]
        for rule in roles[binding["roleRef"]["name"]]
        for verb, resource in product(rule["verbs"], _resources(rule))
    ]


def _resources(rule: dict[str, Any]) -> Iterator[str]:
    """Yield a rule's resources as kubectl names them: `jobs.batch`, `pods/log`."""
    yield from rule.get("nonResourceURLs", [])
    for api_group, resource in product(rule.get("apiGroups", []), rule.get("resources", [])):
        name, _, part = resource.partition("/")
        yield f"{name}.{api_group}{'/' + part if part else ''}" if api_group else resource


def missing(namespace: str, group: str = GROUP) -> list[str]:
    """Return each right that the cluster does not grant, as a line; raises OSError where it cannot be asked."""
    wanted = rights(group)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        granted = list(pool.map(lambda right: _is_granted(right, namespace), wanted))
    return [
        f"{right.group} may not {right.verb} {right.resource}{f' in {namespace}' if right.namespaced else ''}"
        for right, is_granted in zip(wanted, granted, strict=True)
        if not is_granted
    ]


def _is_granted(right: Right, namespace: str) -> bool:
    answer = _kubectl(*right.question(namespace))
    # With `no`, kubectl ends with 1, as it does where the cluster does not answer.
    words = answer.stdout.split()
    if not words or words[0] not in {"yes", "no"}:
        raise OSError(answer.stderr.strip() or f"kubectl ended with {answer.returncode}")
    return words[0] == "yes"


def server() -> str:
    """Return the address of the cluster that kubectl speaks to; raises OSError if it has none."""
    configuration = _read("config", "view", "--minify")
    return str(configuration["clusters"][0]["cluster"]["server"])


def namespaces(group: str = GROUP) -> list[str]:
    """Return the namespaces that have a RoleBinding for a deployment's group; raises OSError if it cannot be asked."""
    bindings = _read("get", "rolebindings", "--all-namespaces")["items"]
    return sorted(
        {
            binding["metadata"]["namespace"]
            for binding in bindings
            for subject in binding.get("subjects") or []
            if (subject["kind"], subject["name"]) == ("Group", group)
        }
    )


def _read(*arguments: str) -> dict[str, Any]:
    answer = _kubectl(*arguments, "-o", "json")
    if answer.returncode:
        raise OSError(answer.stderr.strip() or f"kubectl ended with {answer.returncode}")
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603
            ["kubectl", *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"the cluster did not answer within {TIMEOUT_SECONDS} seconds") from error


def main(arguments: list[str]) -> int:
    """Print what is missing; return 0 if nothing is, 1 if something is, 2 if the cluster could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m deploy.cluster_rights", description="Ask for the service's rights")
    parser.add_argument("namespace", nargs="+", help="an organization's id, which is its namespace")
    parser.add_argument("--group", default=GROUP, help="the deployment's KubernetesGroup")
    options = parser.parse_args(arguments)
    try:
        found = [line for namespace in options.namespace for line in missing(namespace, options.group)]
    except OSError as error:
        sys.stderr.write(f"the cluster could not be asked: {error}\n")
        return 2
    last = f"{len(found)} rights are missing: apply {MANIFEST.name} again" if found else "Nothing is missing."
    sys.stdout.writelines(f"{line}\n" for line in [*found, last])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
