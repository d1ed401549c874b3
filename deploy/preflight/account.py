"""Has the account room for the stack, and is its name free?"""

from typing import Any, Final

from deploy.preflight.findings import Aws, Finding, Findings, Missing, Plan, Verdict

# Lambda keeps so many executions for the functions that reserve none.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
LEFT_UNRESERVED: Final = 100
ASK_FOR_MORE: Final = (
    "aws service-quotas request-service-quota-increase --service-code lambda "
    "--quota-code L-B99A9384 --desired-value 1000"
)
# Below it, a few syncs at once leave nothing for requests.
FEW: Final = 100


def state(plan: Plan, aws: Aws) -> Findings:
    """Look whether the stack takes a deployment."""
    del aws
    status = str(plan.deployed.get("StackStatus", ""))
    remove = f"aws cloudformation delete-stack --stack-name {plan.stack}"
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        what = f"a first deployment failed and left it in {status}, which takes no other"
        yield Finding(Verdict.FAILS, f"stack {plan.stack}", what, remove)
    elif status == "UPDATE_ROLLBACK_FAILED":
        right = f"aws cloudformation continue-update-rollback --stack-name {plan.stack}"
        yield Finding(Verdict.FAILS, f"stack {plan.stack}", f"it is in {status}, which takes no deployment", right)
    elif status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        yield Finding(Verdict.FAILS, f"stack {plan.stack}", f"it is in {status}", "wait until that is over")


def names(plan: Plan, aws: Aws) -> Findings:
    """Look whether names that the stack gives are free; most others AWS makes up."""
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


def _taken(plan: Plan, subject: str) -> Finding:
    return Finding(
        Verdict.FAILS, subject, "it exists, and is not this stack's", f"another stack name than {plan.stack}"
    )


def roles(plan: Plan, aws: Aws) -> Findings:
    """Look whether IAM has room."""
    if not plan.is_first:
        return
    summary = aws.ask("iam", "get_account_summary")["SummaryMap"]
    needed = len(plan.resources("AWS::Serverless::Function")) + len(plan.resources("AWS::IAM::Role"))
    if summary["Roles"] + needed > summary["RolesQuota"]:
        what = f"the stack makes {needed}, and the account has {summary['Roles']} of {summary['RolesQuota']}"
        yield Finding(Verdict.FAILS, "IAM roles", what, "remove some, or ask IAM for a higher quota")


def concurrency(plan: Plan, aws: Aws) -> Findings:
    """Look whether Lambda lets the stack reserve what it wants, and whether there is enough without."""
    limit = aws.ask("lambda", "get_account_settings")["AccountLimit"]
    most, unreserved = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    before = {each["ParameterKey"]: each["ParameterValue"] for each in plan.deployed.get("Parameters", [])}
    if plan["ReserveConcurrency"] == "true":
        # What is reserved already is in none of the unreserved.
        already = not plan.is_first and before.get("ReserveConcurrency") == "true"
        needed = 0 if already else reserved(plan)
        if needed and unreserved - needed < LEFT_UNRESERVED:
            what = (
                f"it reserves {needed} of {unreserved} executions, and Lambda wants {LEFT_UNRESERVED} left unreserved"
            )
            yield Finding(Verdict.FAILS, "ReserveConcurrency", what, f"false, or a higher limit first: {ASK_FOR_MORE}")
    elif most < FEW:
        what = (
            f"the account runs {most} functions at once, all its requests, syncs and ingests together; more are refused"
        )
        yield Finding(
            Verdict.RISK, "concurrent executions", what, f"a higher limit before others use it: {ASK_FOR_MORE}"
        )


def reserved(plan: Plan) -> int:
    """Add up what the functions reserve with ReserveConcurrency=true."""
    wanted: list[Any] = [
        each["Properties"].get("ReservedConcurrentExecutions") for each in plan.resources("AWS::Serverless::Function")
    ]
    return sum(each["Fn::If"][1] for each in wanted if each)


def boundary(plan: Plan, aws: Aws) -> Findings:
    """Look for the policy that bounds the roles."""
    arn = plan["PermissionsBoundary"]
    if not arn:
        return
    try:
        aws.ask("iam", "get_policy", PolicyArn=arn)
    except Missing:
        yield Finding(Verdict.FAILS, "PermissionsBoundary", f"there is no policy {arn}", "the ARN of a managed policy")
