"""Checks the account: quotas, names that are taken, and the state of the stack."""

from typing import Any, Final

from deploy.preflight.findings import Aws, Finding, Findings, Missing, Plan, Verdict

# Lambda keeps this many executions for functions that reserve none.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
LEFT_UNRESERVED: Final = 100
ASK_FOR_MORE: Final = (
    "aws service-quotas request-service-quota-increase --service-code lambda "
    "--quota-code L-B99A9384 --desired-value 1000"
)
# The longest name of IAM and of Lambda, and what CloudFormation adds to the stack's and the resource's name.
LONGEST_NAME: Final = 64
ADDED: Final = 14
# Below this, a few syncs at once leave nothing for requests.
FEW: Final = 100


def state(plan: Plan, aws: Aws) -> Findings:
    """Check that the stack can be deployed to."""
    del aws
    status = str(plan.deployed.get("StackStatus", ""))
    remove = f"aws cloudformation delete-stack --stack-name {plan.stack}"
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        what = f"a first deployment failed and left it in {status}, which allows no other deployment"
        yield Finding(Verdict.FAILS, f"stack {plan.stack}", what, remove)
    elif status == "UPDATE_ROLLBACK_FAILED":
        right = f"aws cloudformation continue-update-rollback --stack-name {plan.stack}"
        yield Finding(Verdict.FAILS, f"stack {plan.stack}", f"it is in {status}, which allows no deployment", right)
    elif status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        yield Finding(Verdict.FAILS, f"stack {plan.stack}", f"it is in {status}", "wait until the operation has ended")


def names(plan: Plan, aws: Aws) -> Findings:
    """Check that the names that the template sets are free; AWS chooses most others."""
    if not plan.is_first:
        return
    try:
        aws.ask("events", "describe_event_bus", Name=plan.stack)
    except Missing:
        pass
    else:
        yield _taken(plan, f"event bus {plan.stack}")
    alias = f"alias/{plan.stack}-secrets"
    if any(each["AliasName"] == alias for each in aws.ask("kms", "list_aliases")["Aliases"]):
        yield _taken(plan, f"KMS alias {alias}")


def long_name(plan: Plan, aws: Aws) -> Findings:
    """Check that the stack's name is whole in the names of its roles and functions, as the policies expect."""
    del aws
    functions = [
        name for name, each in plan.template["Resources"].items() if each["Type"] == "AWS::Serverless::Function"
    ]
    most = LONGEST_NAME - ADDED - max(len(f"{name}Role") for name in functions)
    if plan.is_first and len(plan.stack) > most:
        happens = (
            f"the name has {len(plan.stack)} characters, so names of roles would exceed {LONGEST_NAME}, and "
            "CloudFormation shortens this part of them; the policies of deploy/policies allow STACK-* only"
        )
        right = f"at most {most} characters, unless you deploy with other policies"
        yield Finding(Verdict.RISK, f"stack {plan.stack}", happens, right)


def _taken(plan: Plan, subject: str) -> Finding:
    return Finding(
        Verdict.FAILS, subject, "it exists, but belongs to another stack", f"a stack name other than {plan.stack}"
    )


def roles(plan: Plan, aws: Aws) -> Findings:
    """Check IAM's quota of roles."""
    if not plan.is_first:
        return
    summary = aws.ask("iam", "get_account_summary")["SummaryMap"]
    needed = len(plan.resources("AWS::Serverless::Function")) + len(plan.resources("AWS::IAM::Role"))
    if summary["Roles"] + needed > summary["RolesQuota"]:
        what = f"the stack makes {needed}, and the account has {summary['Roles']} of {summary['RolesQuota']}"
        yield Finding(Verdict.FAILS, "IAM roles", what, "remove some, or ask IAM for a higher quota")


def concurrency(plan: Plan, aws: Aws) -> Findings:
    """Check that Lambda lets the stack reserve its executions, and that enough remain."""
    limit = aws.ask("lambda", "get_account_settings")["AccountLimit"]
    most, unreserved = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    before = {each["ParameterKey"]: each["ParameterValue"] for each in plan.deployed.get("Parameters", [])}
    needed = 0
    if plan["ReserveConcurrency"] == "true" and (plan.is_first or before.get("ReserveConcurrency") != "true"):
        # The unreserved executions do not include those that are already reserved.
        needed = reserved(plan)
    if needed and unreserved - needed < LEFT_UNRESERVED:
        happens = f"it reserves {needed} of {unreserved} executions, but {LEFT_UNRESERVED} must stay unreserved"
        yield Finding(Verdict.FAILS, "ReserveConcurrency", happens, f"false; or first a higher limit: {ASK_FOR_MORE}")
    elif most < FEW:
        happens = f"the account runs {most} functions at once, and refuses more; {_taken_from_requests(plan)}"
        right = f"a higher limit before others use the service: {ASK_FOR_MORE}"
        yield Finding(Verdict.RISK, "concurrent executions", happens, right)
    elif 2 * (plan.number("PulseConcurrency") + plan.number("NotificationConcurrency")) > unreserved - needed:
        happens = f"the account may run {unreserved - needed} functions at once; {_taken_from_requests(plan)}"
        right = f"at most {(unreserved - needed) // 2} together, so that requests have the other half"
        yield Finding(Verdict.RISK, "PulseConcurrency, NotificationConcurrency", happens, right)


def _taken_from_requests(plan: Plan) -> str:
    passes, notifications = plan["PulseConcurrency"], plan["NotificationConcurrency"]
    return f"passes may take {passes} of them and notifications {notifications}, and requests have the rest"


def reserved(plan: Plan) -> int:
    """Add up what the functions reserve with ReserveConcurrency=true."""
    wanted: list[Any] = [
        each["Properties"].get("ReservedConcurrentExecutions") for each in plan.resources("AWS::Serverless::Function")
    ]
    return sum(each["Fn::If"][1] for each in wanted if each)


def boundary(plan: Plan, aws: Aws) -> Findings:
    """Check that the permissions boundary of the roles exists."""
    arn = plan["PermissionsBoundary"]
    if not arn:
        return
    try:
        aws.ask("iam", "get_policy", PolicyArn=arn)
    except Missing:
        yield Finding(Verdict.FAILS, "PermissionsBoundary", f"there is no policy {arn}", "the ARN of a managed policy")
