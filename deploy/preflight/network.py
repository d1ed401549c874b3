"""Checks that functions can be in these subnets, and reach AWS and the cluster from there."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any, Final

from deploy.preflight.findings import Aws, Finding, Findings, Missing, Plan, Verdict

# The services that the functions call, as docs/deploy.md lists them.
SERVICES: Final = ("dynamodb", "s3", "eks", "events", "sqs", "kms", "secretsmanager")
HTTPS: Final = 443

type Things = Sequence[Mapping[str, Any]]


def check(plan: Plan, aws: Aws) -> Findings:
    """Check SubnetIds and SecurityGroupIds."""
    if not plan["SubnetIds"] or not plan["SecurityGroupIds"]:
        return
    try:
        subnets = aws.ask("ec2", "describe_subnets", SubnetIds=plan["SubnetIds"].split(","))["Subnets"]
    except Missing as error:
        yield Finding(Verdict.FAILS, "SubnetIds", str(error), f"ids of subnets in {plan.region}")
        return
    try:
        groups = aws.ask("ec2", "describe_security_groups", GroupIds=plan["SecurityGroupIds"].split(","))
    except Missing as error:
        yield Finding(Verdict.FAILS, "SecurityGroupIds", str(error), f"ids of security groups in {plan.region}")
        return
    networks = {each["VpcId"] for each in (*subnets, *groups["SecurityGroups"])}
    if len(networks) > 1:
        happens = f"they are in several VPCs: {', '.join(sorted(networks))}"
        yield Finding(Verdict.FAILS, "SubnetIds, SecurityGroupIds", happens, "all of one VPC")
        return
    if len({each["AvailabilityZone"] for each in subnets}) == 1:
        happens = "they are in one zone; if it fails, the service fails"
        yield Finding(Verdict.RISK, "SubnetIds", happens, "subnets of two zones or more")
    (vpc,) = networks
    yield from names(vpc, aws)
    yield from way_to_aws(vpc, subnets, aws)
    yield from way_to_cluster(plan, vpc, subnets, aws)


def names(vpc: str, aws: Aws) -> Findings:
    """Check that the VPC resolves the names of private endpoints."""
    for attribute, field in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        answer = aws.ask("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=attribute)
        if not answer[field]["Value"]:
            right = f"aws ec2 modify-vpc-attribute --vpc-id {vpc} --{_dashed(attribute)}"
            yield Finding(
                Verdict.BROKEN,
                vpc,
                f"{attribute} is off, so the names of private endpoints do not resolve there",
                right,
            )


def _dashed(attribute: str) -> str:
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in attribute)


def way_to_aws(vpc: str, subnets: Things, aws: Aws) -> Findings:
    """Check for a NAT gateway, or else for each VPC endpoint: functions in a VPC have no public address."""
    tables = aws.ask("ec2", "describe_route_tables", Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    cut_off = [each["SubnetId"] for each in subnets if not _leads_out(_table_of(each["SubnetId"], tables))]
    if not cut_off:
        return
    found = aws.ask("ec2", "describe_vpc_endpoints", Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
    there = {each["ServiceName"].rpartition(".")[2] for each in found if each.get("State", "").lower() == "available"}
    if missing := [service for service in SERVICES if service not in there]:
        what = f"no way from {', '.join(cut_off)} to {', '.join(missing)}: neither a NAT gateway nor VPC endpoints"
        right = (
            "a default route to a NAT gateway, or an endpoint of each; an internet gateway is of no use to functions"
        )
        yield Finding(Verdict.BROKEN, "SubnetIds", what, right)


def _table_of(subnet: str, tables: Things) -> Mapping[str, Any]:
    for table in tables:
        if any(each.get("SubnetId") == subnet for each in table.get("Associations", [])):
            return table
    return next((table for table in tables if any(each.get("Main") for each in table.get("Associations", []))), {})


def _leads_out(table: Mapping[str, Any]) -> bool:
    routes = [each for each in table.get("Routes", []) if each.get("DestinationCidrBlock") == "0.0.0.0/0"]
    return any(each.get("State") != "blackhole" and not each.get("GatewayId", "").startswith("igw-") for each in routes)


def way_to_cluster(plan: Plan, vpc: str, subnets: Things, aws: Aws) -> Findings:
    """Check that the cluster's security group allows the functions."""
    try:
        cluster = aws.ask("eks", "describe_cluster", name=plan["DefaultCluster"])["cluster"]["resourcesVpcConfig"]
    except Missing:
        return
    if not cluster.get("endpointPrivateAccess"):
        return
    if cluster.get("vpcId") != vpc:
        happens = f"the cluster is in {cluster.get('vpcId')}, the functions in {vpc}"
        yield Finding(
            Verdict.RISK, "SubnetIds", happens, "subnets of the cluster's network, or a route to it by peering"
        )
        return
    group = cluster["clusterSecurityGroupId"]
    (found,) = aws.ask("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"]
    ours = set(plan["SecurityGroupIds"].split(","))
    if group not in ours and not _lets_in(found["IpPermissions"], ours, [each["CidrBlock"] for each in subnets]):
        command = "aws ec2 authorize-security-group-ingress --protocol tcp --port 443"
        happens = f"the cluster's security group {group} does not allow {', '.join(sorted(ours))} on {HTTPS}"
        right = f"{command} --group-id {group} --source-group {min(ours)}"
        yield Finding(Verdict.BROKEN, "SecurityGroupIds", happens, right)


def _lets_in(permissions: Things, groups: set[str], ranges: Sequence[str]) -> bool:
    for permission in permissions:
        everything = permission["IpProtocol"] == "-1"
        if not everything and not permission.get("FromPort", 0) <= HTTPS <= permission.get("ToPort", 0):
            continue
        if groups & {each.get("GroupId") for each in permission.get("UserIdGroupPairs", [])}:
            return True
        allowed = [ip_network(each["CidrIp"]) for each in permission.get("IpRanges", [])]
        if all(any(ip_network(cidr).subnet_of(each) for each in allowed) for cidr in ranges):  # type: ignore[arg-type]
            return True
    return False
