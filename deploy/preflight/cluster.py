"""Checks that the cluster exists, that it allows access entries, and that the functions can reach it."""

from collections.abc import Mapping
from typing import Any, Final

from deploy.preflight.findings import Aws, Finding, Findings, Missing, Plan, Verdict

OLDEST: Final = (1, 29)
EVERYWHERE: Final = "0.0.0.0/0"
MIXED: Final = "authenticationMode=API_AND_CONFIG_MAP"


def check(plan: Plan, aws: Aws) -> Findings:
    """Check DefaultCluster."""
    name = plan["DefaultCluster"]
    try:
        cluster = aws.ask("eks", "describe_cluster", name=name)["cluster"]
    except Missing:
        yield absent(plan, name)
        return
    yield from state(cluster)
    yield from authentication(plan, cluster)
    yield from endpoint(plan, cluster)


def absent(plan: Plan, name: str) -> Finding:
    """Report what happens to the deployment if the cluster does not exist."""
    manages = plan["ManageAccessEntries"] == "true"
    happens = f"there is no EKS cluster {name!r} in {plan.region} of this account"
    right = "the cluster's name in DefaultCluster, and its region in AWS_REGION"
    if manages:
        return Finding(Verdict.FAILS, "DefaultCluster", f"{happens}, so no access entry can be made", right)
    return Finding(
        Verdict.BROKEN, "DefaultCluster", f"{happens}; organizations without another cluster cannot run jobs", right
    )


def state(cluster: Mapping[str, Any]) -> Findings:
    """Check the cluster's status and version."""
    if cluster["status"] != "ACTIVE":
        happens = f"the cluster is {cluster['status']}; EKS may refuse access entries"
        yield Finding(Verdict.FAILS, "DefaultCluster", happens, "wait until it is ACTIVE")
    version = tuple(int(part) for part in cluster["version"].split("."))
    if version < OLDEST:
        happens = f"it runs Kubernetes {cluster['version']}"
        yield Finding(Verdict.BROKEN, "DefaultCluster", happens, f"{'.'.join(map(str, OLDEST))} or newer")


def authentication(plan: Plan, cluster: Mapping[str, Any]) -> Findings:
    """Check that the stack can give its functions access, and that somebody does."""
    mode = cluster.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP")
    manages = plan["ManageAccessEntries"] == "true"
    if mode == "CONFIG_MAP" and manages:
        change = f"aws eks update-cluster-config --name {cluster['name']} --access-config {MIXED}"
        right = f"{change}, which cannot be taken back; or ManageAccessEntries=false, and the roles in aws-auth"
        happens = "its authentication mode is CONFIG_MAP, which takes no access entries"
        yield Finding(Verdict.FAILS, "ManageAccessEntries", happens, right)
    if not manages:
        where = "aws-auth" if mode == "CONFIG_MAP" else "access entries of your own, or ManageAccessEntries=true"
        happens = "nobody gives the functions access to the cluster unless you do"
        yield Finding(Verdict.RISK, "ManageAccessEntries", happens, f"the roles of the stack's outputs in {where}")


def endpoint(plan: Plan, cluster: Mapping[str, Any]) -> Findings:
    """Check that the functions can reach the API server."""
    network = cluster["resourcesVpcConfig"]
    ranges = network.get("publicAccessCidrs") or [EVERYWHERE]
    private, public = network.get("endpointPrivateAccess", False), network.get("endpointPublicAccess", True)
    if not plan["SubnetIds"]:
        if not public:
            happens = (
                "the cluster's API server has no public endpoint, and functions outside its network cannot reach it"
            )
            yield Finding(Verdict.BROKEN, "SubnetIds", happens, _subnets(network))
        elif EVERYWHERE not in ranges:
            happens = f"the API server answers {', '.join(ranges)} only, and functions have no fixed address"
            yield Finding(Verdict.BROKEN, "SubnetIds", happens, _subnets(network))
    elif not private and EVERYWHERE not in ranges:
        happens = "the private endpoint is off, so functions use the public one, from the address of their NAT gateway"
        right = f"the private endpoint on, or that address in {', '.join(ranges)}"
        yield Finding(Verdict.RISK, "SubnetIds", happens, right)


def _subnets(network: Mapping[str, Any]) -> str:
    known = ",".join(network.get("subnetIds", []))
    return (
        f"private subnets of {network.get('vpcId', 'its network')} in SubnetIds, such as {known}, and SecurityGroupIds"
    )
