"""Checks that the cluster grants the service what deploy/kubernetes/jobs-api.yaml grants.

AWS does not know this. So it asks by kubectl, with your own rights to read RoleBindings and to impersonate groups.
"""

from typing import Final

from deploy import cluster_rights
from deploy.preflight.findings import Aws, Finding, Findings, Missing, Plan, Verdict

SUBJECT: Final = "the cluster's rights"
APPLY: Final = "kubectl apply -f deploy/kubernetes/jobs-api.yaml, with its namespace and group"
BY_HAND: Final = "python -m deploy.cluster_rights NAMESPACE..., from where kubectl reaches the cluster as its admin"


def check(plan: Plan, aws: Aws) -> Findings:
    """Check each namespace of the deployment's group, if kubectl speaks to DefaultCluster.

    Before the first deployment there is nothing to check: the manifest is applied after it.
    """
    if plan.is_first:
        return
    name = plan["DefaultCluster"]
    try:
        endpoint = aws.ask("eks", "describe_cluster", name=name)["cluster"].get("endpoint")
    except Missing:
        return
    if not endpoint:
        return
    try:
        server = cluster_rights.server()
        if server.rstrip("/").lower() != endpoint.rstrip("/").lower():
            what = f"kubectl speaks to {server}, which is not the cluster {name!r}"
            yield Finding(Verdict.UNKNOWN, SUBJECT, what, f"aws eks update-kubeconfig --name {name}, and then again")
            return
        yield from granted(plan["KubernetesGroup"])
    except OSError as error:
        yield Finding(Verdict.UNKNOWN, SUBJECT, f"kubectl could not ask: {error}", BY_HAND)


def granted(group: str) -> Findings:
    """Check what the cluster grants a group; raises OSError where it cannot be asked."""
    namespaces = cluster_rights.namespaces(group)
    if not namespaces:
        what = f"no namespace has a RoleBinding for the group {group!r}, so no organization can run jobs there"
        yield Finding(Verdict.RISK, "KubernetesGroup", what, APPLY)
    for namespace in namespaces:
        if lacking := cluster_rights.missing(namespace, group):
            yield Finding(Verdict.BROKEN, f"the namespace {namespace}", "; ".join(lacking), APPLY)
