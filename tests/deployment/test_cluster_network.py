"""The manifest's NetworkPolicy: DNS, the web and EKS Pod Identity, and nothing else."""

from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any

import pytest
import yaml

from tests.functions.people import ROOT

EVERYWHERE = ip_network("0.0.0.0/0")


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/jobs-api.yaml").read_text())
    (found,) = (document for document in documents if document["kind"] == "NetworkPolicy")
    spec: dict[str, Any] = found["spec"]
    return spec


def reached(policy: dict[str, Any], address: str, port: int) -> bool:
    """Tell whether a job may open a connection, as the API's documentation reads such rules: any of them is enough."""
    return any(
        port in [one["port"] for one in rule.get("ports", [{"port": port}])]
        and any(_holds(peer["ipBlock"], address) for peer in rule["to"] if "ipBlock" in peer)
        for rule in policy["egress"]
    )


def _holds(block: dict[str, Any], address: str) -> bool:
    excepted = [ip_network(one) for one in block.get("except", [])]
    return ip_address(address) in ip_network(block["cidr"]) and not any(ip_address(address) in one for one in excepted)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.12.7",
        "172.16.0.1",
        "172.20.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.254",
        "198.19.200.3",
        "169.254.169.254",
        "169.254.20.10",
    ],
)
def test_a_job_cannot_reach_the_cluster_or_its_nodes(policy: dict[str, Any], address: str) -> None:
    assert not reached(policy, address, 443)
    assert not reached(policy, address, 80)


@pytest.mark.parametrize("address", ["1.1.1.1", "100.128.0.1", "198.20.0.1", "172.32.0.1", "52.94.1.1"])
def test_a_job_can_reach_public_addresses(policy: dict[str, Any], address: str) -> None:
    assert reached(policy, address, 443)


@pytest.mark.parametrize("address", ["10.100.0.10", "172.20.0.10", "169.254.20.10"])
def test_a_job_can_reach_dns_at_the_usual_service_addresses(policy: dict[str, Any], address: str) -> None:
    assert reached(policy, address, 53)


def test_a_job_can_reach_dns_in_kube_system(policy: dict[str, Any]) -> None:
    selectors = [peer for rule in policy["egress"] for peer in rule["to"] if "namespaceSelector" in peer]

    assert [peer["namespaceSelector"]["matchLabels"] for peer in selectors] == [
        {"kubernetes.io/metadata.name": "kube-system"}
    ]


def test_a_job_can_reach_the_agent_of_pod_identity(policy: dict[str, Any]) -> None:
    assert reached(policy, "169.254.170.23", 80)
    assert not reached(policy, "169.254.170.23", 443)


def test_an_exception_to_a_blocked_range_is_a_single_address(policy: dict[str, Any]) -> None:
    """The VPC CNI goes by the longest prefix, so that an exception beats every rule that names no longer one."""
    blocks = [peer["ipBlock"] for rule in policy["egress"] for peer in rule["to"] if "ipBlock" in peer]
    cidrs = [IPv4Network(block["cidr"]) for block in blocks]

    assert {cidr.prefixlen for cidr in cidrs if cidr != EVERYWHERE} == {32}


def test_nobody_can_connect_to_a_job(policy: dict[str, Any]) -> None:
    assert "Ingress" in policy["policyTypes"]
    assert "ingress" not in policy
