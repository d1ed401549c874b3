"""The findings of `make preflight` about the cluster, and the network between functions and cluster."""

from typing import Any

import pytest

from deploy.preflight.findings import Verdict
from tests.deployment import accounts
from tests.deployment.accounts import PRIVATE, Account, answer, findings, verdicts


class TestCluster:
    def test_a_cluster_that_does_not_exist_is_reported(self) -> None:
        nowhere = Account(eks__describe_cluster=None)

        assert verdicts(nowhere, DefaultCluster="elsewhere") == [("fails", "DefaultCluster")]
        assert verdicts(nowhere, ManageAccessEntries="false") == [("does not work", "DefaultCluster")]

    @pytest.mark.parametrize(
        ("cluster", "found"),
        [
            ({"status": "CREATING"}, ("fails", "DefaultCluster")),
            ({"version": "1.28"}, ("does not work", "DefaultCluster")),
            ({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, ("fails", "ManageAccessEntries")),
            ({"accessConfig": {}}, ("fails", "ManageAccessEntries")),
            ({"endpointPublicAccess": False}, ("does not work", "SubnetIds")),
            ({"publicAccessCidrs": ["192.0.2.0/24"]}, ("does not work", "SubnetIds")),
        ],
    )
    def test_a_cluster_that_refuses_the_functions_is_reported(
        self, cluster: dict[str, Any], found: tuple[str, str]
    ) -> None:
        assert verdicts(Account(eks__describe_cluster=answer("eks__describe_cluster", **cluster))) == [found]

    @pytest.mark.parametrize(
        "cluster", [{"version": "1.29"}, {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}}]
    )
    def test_a_cluster_that_admits_the_functions_has_no_findings(self, cluster: dict[str, Any]) -> None:
        assert verdicts(Account(eks__describe_cluster=answer("eks__describe_cluster", **cluster))) == []

    def test_a_private_cluster_is_reached_from_its_own_network(self) -> None:
        private = answer("eks__describe_cluster", endpointPublicAccess=False)

        assert verdicts(Account(eks__describe_cluster=private), **PRIVATE) == []

    def test_no_access_entry_for_the_functions_is_a_finding(self) -> None:
        assert verdicts(ManageAccessEntries="false") == [("look at", "ManageAccessEntries")]

    def test_a_private_function_that_reaches_a_public_endpoint_is_reported(self) -> None:
        closed = answer("eks__describe_cluster", endpointPrivateAccess=False, publicAccessCidrs=["192.0.2.0/24"])

        assert verdicts(Account(eks__describe_cluster=closed), **PRIVATE) == [("look at", "SubnetIds")]


class TestNetwork:
    @pytest.mark.parametrize(
        ("answers", "found"),
        [
            ({"ec2__describe_subnets": None}, ("fails", "SubnetIds")),
            ({"ec2__describe_security_groups": None}, ("fails", "SecurityGroupIds")),
            (
                {"ec2__describe_subnets": answer("ec2__describe_subnets", VpcId="vpc-2")},
                ("fails", "SubnetIds, SecurityGroupIds"),
            ),
            (
                {"ec2__describe_subnets": answer("ec2__describe_subnets", AvailabilityZone="us-east-1a")},
                ("look at", "SubnetIds"),
            ),
            (
                {
                    "ec2__describe_vpc_attribute": answer(
                        "ec2__describe_vpc_attribute", EnableDnsSupport={"Value": False}
                    )
                },
                ("does not work", "vpc-1"),
            ),
            (
                {"eks__describe_cluster": answer("eks__describe_cluster", vpcId="vpc-2")},
                ("look at", "SubnetIds"),
            ),
        ],
    )
    def test_a_wrong_subnet_or_security_group_is_reported(
        self, answers: dict[str, Any], found: tuple[str, str]
    ) -> None:
        assert verdicts(Account(**answers), **PRIVATE) == [found]

    @pytest.mark.parametrize(
        "routes",
        [
            [],
            [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}],
            [{**accounts.NAT, "State": "blackhole"}],
        ],
        ids=["none", "an internet gateway", "a gateway that is gone"],
    )
    def test_subnets_without_a_route_to_aws_are_reported(self, routes: list[dict[str, str]]) -> None:
        tables = Account(ec2__describe_route_tables=answer("ec2__describe_route_tables", Routes=routes))

        (finding,) = findings(tables, **PRIVATE)

        assert finding.verdict == Verdict.BROKEN
        assert "dynamodb, s3, eks, events, sqs, kms, secretsmanager" in finding.problem

    def test_a_subnets_own_routes_count_before_its_networks(self) -> None:
        own = {"Associations": [{"SubnetId": "subnet-0a"}], "Routes": []}
        main = {"Associations": [{"Main": True}], "Routes": [accounts.NAT]}

        (finding,) = findings(Account(ec2__describe_route_tables={"RouteTables": [own, main]}), **PRIVATE)

        assert "subnet-0a to" in finding.problem

    def test_endpoints_take_the_place_of_a_gateway(self) -> None:
        services = ("dynamodb", "s3", "eks", "events", "sqs", "kms", "secretsmanager")
        there = [{"ServiceName": f"com.amazonaws.us-east-1.{each}", "State": "available"} for each in services]
        cut_off = answer("ec2__describe_route_tables", Routes=[])
        account = Account(ec2__describe_route_tables=cut_off, ec2__describe_vpc_endpoints={"VpcEndpoints": there})
        fewer = Account(ec2__describe_route_tables=cut_off, ec2__describe_vpc_endpoints={"VpcEndpoints": there[1:]})

        assert verdicts(account, **PRIVATE) == []
        (finding,) = findings(fewer, **PRIVATE)
        assert "to dynamodb:" in finding.problem

    @pytest.mark.parametrize(
        ("permission", "lets_in"),
        [
            ({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-0f"}]}, True),
            ({"IpProtocol": "tcp", "FromPort": 0, "ToPort": 1024, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}, True),
            ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.9.0/24"}]}, False),
            ({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-0f"}]}, False),
            ({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-0c"}]}, False),
        ],
    )
    def test_the_clusters_security_group(self, permission: dict[str, Any], lets_in: bool) -> None:  # noqa: FBT001
        groups = answer("ec2__describe_security_groups", IpPermissions=[permission])

        found = verdicts(Account(ec2__describe_security_groups=groups), **PRIVATE)

        assert found == ([] if lets_in else [("does not work", "SecurityGroupIds")])
