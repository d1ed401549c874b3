"""Runs all checks; reports what these credentials may not read, and continues."""

from collections.abc import Callable, Iterator
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from deploy.preflight import account, cluster, cluster_access, gateway, network, parameters
from deploy.preflight.findings import Aws, Finding, Findings, Plan, Verdict

CHECKS: Final[dict[str, Callable[[Plan, Aws], Findings]]] = {
    "parameters": parameters.check,
    "the stack as it is": account.state,
    "names": account.names,
    "the length of the stack's name": account.long_name,
    "IAM's quota of roles": account.roles,
    "Lambda's concurrent executions": account.concurrency,
    "PermissionsBoundary": account.boundary,
    "the cluster": cluster.check,
    "the cluster's rights": cluster_access.check,
    "the functions' network": network.check,
    "API Gateway's role for logs": gateway.logs_role,
    "the domain": gateway.domain,
    "its certificate": gateway.certificate,
    "its zone": gateway.zone,
    "the private API's endpoint": gateway.endpoint,
    "the web ACL": gateway.firewall,
    "the alarms' topic": gateway.topic,
}
STOPPING: Final = {Verdict.FAILS, Verdict.BROKEN}


def run_checks(plan: Plan, aws: Aws) -> Iterator[Finding]:
    """Yield the findings of each check."""
    for subject, check in CHECKS.items():
        try:
            yield from check(plan, aws)
        except (ClientError, BotoCoreError) as error:
            yield Finding(Verdict.UNKNOWN, subject, str(error), "the rights of deploy/policies/preflight.json")
