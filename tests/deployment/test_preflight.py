"""The findings of `make preflight` about an account and parameters, before a deployment."""

from dataclasses import replace

import pytest

from deploy.preflight.checks import CHECKS, run_checks
from deploy.preflight.findings import Verdict
from tests.deployment import accounts
from tests.deployment.accounts import (
    A_ROLE,
    ACL,
    BOUNDARY,
    DOMAIN,
    ENDPOINT,
    OUR_ROLE,
    PRIVATE,
    TOPIC,
    Account,
    denied,
    findings,
    stack,
    verdicts,
)
from tests.permissions import policies

EVERYTHING = [{}, PRIVATE, DOMAIN, ACL, TOPIC, BOUNDARY, ENDPOINT, {"ReserveConcurrency": "true"}]
NEW = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}


@pytest.mark.parametrize("parameters", EVERYTHING, ids=lambda parameters: next(iter(parameters), "defaults"))
def test_a_correct_account_has_no_findings(parameters: dict[str, str]) -> None:
    assert verdicts(**parameters) == []


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "subject"),
        [
            ({"Stage": "production"}, "Stage"),
            ({"RunRetentionDays": "7"}, "RunRetentionDays"),
            ({"RunRetentionDays": "a year"}, "RunRetentionDays"),
            ({"RolePath": "/jobs-api"}, "RolePath"),
            ({"OrganizationRate": "many"}, "OrganizationRate"),
            ({"PulseConcurrency": "all"}, "PulseConcurrency"),
            ({"SlackSecrets": "x" * 129}, "SlackSecrets"),
            ({"KubernetesGroup": "system:masters"}, "KubernetesGroup"),
            ({"WebhookAllowedHosts": "https://hooks.internal"}, "WebhookAllowedHosts"),
            ({"DomainName": "jobs.example.com"}, "CertificateArn, DomainName"),
            ({"DisableExecuteApiEndpoint": "true"}, "DisableExecuteApiEndpoint, DomainName"),
            ({**DOMAIN, **ENDPOINT}, "DomainName, VpcEndpointId"),
            ({"SubnetIds": "subnet-0a"}, "SecurityGroupIds, SubnetIds"),
            ({"SecurityGroupIds": "sg-0f"}, "SecurityGroupIds, SubnetIds"),
        ],
    )
    def test_values_that_cloudformation_would_refuse(self, parameters: dict[str, str], subject: str) -> None:
        assert verdicts(**parameters) == [("fails", subject)]

    def test_ids_with_a_space_between_them_are_refused(self) -> None:
        (refused, *_) = findings(**{**PRIVATE, "SubnetIds": "subnet-0a, subnet-0b"})

        assert (refused.verdict, refused.subject) == (Verdict.FAILS, "SubnetIds")
        assert "no spaces" in refused.right

    def test_a_misspelt_parameter_that_sam_would_ignore_is_reported(self) -> None:
        (finding,) = findings(RunRetentionDay="90")

        assert (finding.verdict, finding.right) == (Verdict.BROKEN, "RunRetentionDays?")

    def test_a_certificate_and_a_zone_without_a_domain(self) -> None:
        assert verdicts(CertificateArn="arn:x", HostedZoneId="Z1") == [
            ("does not work", "CertificateArn"),
            ("does not work", "HostedZoneId"),
        ]

    def test_a_limit_that_one_organization_can_use_up_is_reported(self) -> None:
        assert verdicts(ThrottleRate="40") == [("look at", "OrganizationRate")]

    def test_the_rule_that_only_make_deploy_fulfils_is_not_reported(self) -> None:
        assert "DigestIsOfTheseParameters" in accounts.plan().template["Rules"]
        assert verdicts() == []


class TestAccount:
    def test_a_new_account_may_be_deployed_to_and_is_too_small_to_depend_on(self) -> None:
        (finding,) = findings(Account(lambda__get_account_settings=NEW))

        assert (finding.verdict, finding.subject) == (Verdict.RISK, "concurrent executions")
        assert "10 functions at once" in finding.problem

    def test_the_finding_of_a_new_account_says_what_is_taken_from_requests(self) -> None:
        (finding,) = findings(
            Account(lambda__get_account_settings=NEW), PulseConcurrency="3", NotificationConcurrency="2"
        )

        assert "passes may take 3 of them and notifications 2" in finding.problem

    @pytest.mark.parametrize(("pulses", "found"), [("495", []), ("496", [Verdict.RISK])])
    def test_passes_and_notifications_leave_half_of_the_account_to_requests(
        self, pulses: str, found: list[Verdict]
    ) -> None:
        told = findings(PulseConcurrency=pulses, NotificationConcurrency="5")

        assert [finding.verdict for finding in told] == found
        assert [finding.right.split(",")[0] for finding in told] == ["at most 500 together"] * len(found)

    @pytest.mark.parametrize(("unreserved", "found"), [(10, True), (119, True), (120, False)])
    def test_reserving_needs_120_executions(self, unreserved: int, found: bool) -> None:  # noqa: FBT001
        limit = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": unreserved}}

        fails = verdicts(Account(lambda__get_account_settings=limit), ReserveConcurrency="true")

        assert fails == ([("fails", "ReserveConcurrency")] if found else [])

    def test_concurrency_that_the_stack_has_reserved_is_not_needed_again(self) -> None:
        limit = {"AccountLimit": {"ConcurrentExecutions": 120, "UnreservedConcurrentExecutions": 100}}
        deployed = stack("UPDATE_COMPLETE", ReserveConcurrency="true")

        assert verdicts(Account(lambda__get_account_settings=limit), deployed, ReserveConcurrency="true") == []

    def test_too_few_roles_are_left(self) -> None:
        full = {"SummaryMap": {"Roles": 990, "RolesQuota": 1000}}

        assert verdicts(Account(iam__get_account_summary=full)) == [("fails", "IAM roles")]
        assert verdicts(Account(iam__get_account_summary=full), stack("CREATE_COMPLETE")) == []

    def test_a_bus_and_an_alias_of_the_stacks_name_are_there(self) -> None:
        taken = Account(
            events__describe_event_bus={"Name": "jobs-api"},
            kms__list_aliases={"Aliases": [{"AliasName": "alias/jobs-api-secrets"}]},
        )

        assert verdicts(taken) == [("fails", "event bus jobs-api"), ("fails", "KMS alias alias/jobs-api-secrets")]
        assert verdicts(taken, stack("CREATE_COMPLETE")) == []

    @pytest.mark.parametrize(("length", "found"), [(19, []), (20, [Verdict.RISK])])
    def test_a_name_that_cloudformation_would_shorten_is_reported(self, length: int, found: list[Verdict]) -> None:
        """Then the names of roles do not begin with STACK-, as the policies for deployers ask."""
        named = replace(accounts.plan(), stack="x" * length)

        assert [finding.verdict for finding in run_checks(named, Account())] == found
        assert list(run_checks(replace(named, deployed=stack("CREATE_COMPLETE")), Account())) == []

    @pytest.mark.parametrize(
        ("status", "right"),
        [
            ("ROLLBACK_COMPLETE", "delete-stack"),
            ("ROLLBACK_FAILED", "delete-stack"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
            ("UPDATE_IN_PROGRESS", "wait"),
        ],
    )
    def test_a_stack_whose_state_prevents_a_deployment_is_reported(self, status: str, right: str) -> None:
        (finding,) = findings(None, stack(status))

        assert finding.verdict == Verdict.FAILS
        assert right in finding.right

    @pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
    def test_a_stack_that_can_be_deployed_to_has_no_findings(self, status: str) -> None:
        assert verdicts(None, stack(status)) == []

    def test_a_boundary_that_is_not_there(self) -> None:
        assert verdicts(Account(iam__get_policy=None), **BOUNDARY) == [("fails", "PermissionsBoundary")]


class TestRights:
    def test_a_check_without_permission_says_so_and_the_others_run(self) -> None:
        account = Account(eks__describe_cluster=denied("eks", "describe_cluster"), lambda__get_account_settings=NEW)

        found = findings(account)

        assert [finding.verdict for finding in found] == [Verdict.RISK, Verdict.UNKNOWN]
        assert "eks:DescribeCluster" in found[1].problem

    def test_the_policy_allows_each_question_and_nothing_else(self) -> None:
        asked = set().union(*(_asked(parameters) for parameters in EVERYTHING))

        actions = {_action(*question.split(".")) for question in asked} | {"cloudformation:DescribeStacks"}

        assert actions == {grant.action for grant in policies.granted("preflight")}

    def test_every_check_is_tested_here(self) -> None:
        """Each has a finding somewhere above; this one holds that none asks of what these accounts know nothing."""
        assert len(CHECKS) == 17
        assert set().union(*(_asked(parameters) for parameters in EVERYTHING)) == set(accounts.RIGHT)


def _asked(parameters: dict[str, str]) -> set[str]:
    role = {"apigateway__get_account": OUR_ROLE, "iam__get_role": A_ROLE}
    account = Account(**role)
    assert findings(account, **parameters) == []
    return account.asked


def _action(service: str, operation: str) -> str:
    # API Gateway's actions are the methods of its HTTP API.
    name = "GET" if service == "apigateway" else accounts.model_of(service, operation).name
    return f"{service}:{name}"
