"""Checks API Gateway's role for logs, and the domain, the endpoint, the firewall and the topic of the alarms."""

from collections.abc import Callable
from typing import Any

from deploy.preflight.findings import Aws, Finding, Findings, Missing, Plan, Verdict


def logs_role(plan: Plan, aws: Aws) -> Findings:
    """Check the role with which API Gateway writes logs, a setting of the whole region."""
    role = aws.ask("apigateway", "get_account").get("cloudwatchRoleArn", "")
    name = role.rpartition("/")[2]
    manages = plan["ManageApiGatewayAccount"] == "true"
    exists = bool(role) and _is_there(lambda: aws.ask("iam", "get_role", RoleName=name))
    if manages and exists and not name.startswith(f"{plan.stack}-ApiGatewayLogsRole"):
        happens = f"API Gateway writes the logs of all APIs in {plan.region} as {name}, which this stack would replace"
        yield Finding(Verdict.RISK, "ManageApiGatewayAccount", happens, "false")
    if not manages and not exists:
        reason = f"it names {name}, which no longer exists" if role else f"no API in {plan.region} may write logs"
        happens = f"{reason}, so API Gateway refuses the stage with its access log"
        yield Finding(Verdict.FAILS, "ManageApiGatewayAccount", happens, "true")


def domain(plan: Plan, aws: Aws) -> Findings:
    """Check that the domain is free."""
    if not plan["DomainName"]:
        return
    if plan.is_first and _is_there(lambda: aws.ask("apigateway", "get_domain_name", domainName=plan["DomainName"])):
        what = f"API Gateway has {plan['DomainName']} already, from elsewhere"
        yield Finding(
            Verdict.FAILS, "DomainName", what, "remove it there, or map a base path of it to this API yourself"
        )


def zone(plan: Plan, aws: Aws) -> Findings:
    """Check that the domain's record can be made in the zone."""
    if not plan["DomainName"] or not plan["HostedZoneId"]:
        return
    try:
        name = aws.ask("route53", "get_hosted_zone", Id=plan["HostedZoneId"])["HostedZone"]["Name"].rstrip(".")
    except Missing:
        happens = f"there is no zone {plan['HostedZoneId']}"
        yield Finding(Verdict.FAILS, "HostedZoneId", happens, "the id of DomainName's zone, or nothing")
        return
    if plan["DomainName"] != name and not plan["DomainName"].endswith(f".{name}"):
        happens = f"the zone is {name}, which does not contain {plan['DomainName']}"
        yield Finding(Verdict.FAILS, "HostedZoneId", happens, "the id of DomainName's zone")


def certificate(plan: Plan, aws: Aws) -> Findings:
    """Check that the certificate is valid for the domain, and in this region."""
    arn = plan["CertificateArn"]
    right = f"an issued certificate for {plan['DomainName']} in {plan.region}"
    if not plan["DomainName"] or not arn:
        return  # A rule of the template requires a certificate.
    if _region_of(arn) != plan.region:
        yield Finding(Verdict.FAILS, "CertificateArn", f"it is in {_region_of(arn) or 'no region'}", right)
        return
    try:
        found = aws.ask("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
    except Missing:
        yield Finding(Verdict.FAILS, "CertificateArn", f"there is no certificate {arn}", right)
        return
    if found["Status"] != "ISSUED":
        yield Finding(Verdict.FAILS, "CertificateArn", f"it is {found['Status']}", right)
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    if not names & {plan["DomainName"], f"*.{plan['DomainName'].partition('.')[2]}"}:
        yield Finding(Verdict.FAILS, "CertificateArn", f"it is for {', '.join(sorted(names))}", right)


def endpoint(plan: Plan, aws: Aws) -> Findings:
    """Check the interface endpoint of a private API."""
    right = f"an interface endpoint of execute-api in {plan.region}"
    if not plan["VpcEndpointId"]:
        return
    try:
        answer = aws.ask("ec2", "describe_vpc_endpoints", VpcEndpointIds=[plan["VpcEndpointId"]])
    except Missing as error:
        yield Finding(Verdict.FAILS, "VpcEndpointId", str(error), right)
        return
    (found,) = answer["VpcEndpoints"]
    if not found["ServiceName"].endswith(".execute-api"):
        yield Finding(Verdict.FAILS, "VpcEndpointId", f"it is an endpoint of {found['ServiceName']}", right)
    elif not found.get("PrivateDnsEnabled"):
        what = "it has no private DNS, so ApiUrl does not resolve"
        yield Finding(Verdict.BROKEN, "VpcEndpointId", what, "aws ec2 modify-vpc-endpoint --private-dns-enabled")


def firewall(plan: Plan, aws: Aws) -> Findings:
    """Check that the web ACL exists; its ARN ends with regional/webacl/<name>/<id>."""
    right = f"the ARN of a web ACL of scope REGIONAL in {plan.region}"
    if not plan["WebAclArn"]:
        return
    parts = plan["WebAclArn"].split(":")[-1].split("/")
    if _region_of(plan["WebAclArn"]) != plan.region or parts[:2] != ["regional", "webacl"] or len(parts) != 4:
        yield Finding(
            Verdict.FAILS, "WebAclArn", f"{plan['WebAclArn']} cannot be used with a stage in this region", right
        )
        return
    if not _is_there(lambda: aws.ask("wafv2", "get_web_acl", Scope="REGIONAL", Name=parts[2], Id=parts[3])):
        yield Finding(Verdict.FAILS, "WebAclArn", f"there is no web ACL {parts[2]} with this id", right)


def topic(plan: Plan, aws: Aws) -> Findings:
    """Check that alarms can be published to the topic."""
    arn = plan["AlarmTopicArn"]
    right = f"the ARN of an SNS topic in {plan.region}"
    if not arn:
        return
    if _region_of(arn) != plan.region:
        yield Finding(Verdict.BROKEN, "AlarmTopicArn", f"{arn} is in another region, and gets no alarm", right)
        return
    try:
        attributes = aws.ask("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
    except Missing:
        yield Finding(Verdict.BROKEN, "AlarmTopicArn", f"there is no topic {arn}, so nobody gets an alarm", right)
        return
    if attributes.get("KmsMasterKeyId") == "alias/aws/sns":
        happens = "it is encrypted with AWS's key, with which CloudWatch may not publish"
        yield Finding(
            Verdict.BROKEN, "AlarmTopicArn", happens, "no encryption, or a key that cloudwatch.amazonaws.com may use"
        )
    if attributes.get("SubscriptionsConfirmed") == "0":
        happens = "nobody has subscribed, so nobody gets an alarm"
        yield Finding(Verdict.RISK, "AlarmTopicArn", happens, "aws sns subscribe, and the confirmation")


def _is_there(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except Missing:
        return False
    return True


def _region_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""
