"""Checks the parameters against the template. CloudFormation would report faults too, but later and one at a time."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from deploy.configuration import RULE, misspelt
from deploy.preflight.findings import Aws, Finding, Findings, Plan, Verdict

# The functions of rules, with evaluated arguments.
FUNCTIONS: Final[dict[str, Callable[[Any], bool]]] = {
    "Fn::Equals": lambda given: given[0] == given[1],
    "Fn::Not": lambda given: not given[0],
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Contains": lambda given: given[1] in given[0],
}


def check(plan: Plan, aws: Aws) -> Findings:
    """Check the names, each value, and values that depend on each other."""
    del aws
    yield from names(plan)
    for name, parameter in plan.template["Parameters"].items():
        if fault := fault_of(plan[name], parameter):
            yield Finding(Verdict.FAILS, name, f"{plan[name]!r} is refused", fault)
    yield from rules(plan)
    yield from without_effect(plan)


def names(plan: Plan) -> Findings:
    """Check for misspelt names."""
    for name, right in misspelt(plan.template, plan.given).items():
        yield Finding(Verdict.BROKEN, name, "there is no such parameter, so its value has no effect", right)


def fault_of(value: str, parameter: Mapping[str, Any]) -> str | None:
    """Return what a value should be, or None if it is allowed."""
    allowed = [str(each) for each in parameter.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"one of {', '.join(allowed)}"
    pattern = parameter.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return str(parameter.get("ConstraintDescription", f"what matches {pattern}"))
    longest = parameter.get("MaxLength")
    if longest and len(value) > longest:
        return f"at most {longest} characters"
    return fault_of_number(value, parameter) if parameter["Type"] == "Number" else None


def fault_of_number(value: str, parameter: Mapping[str, Any]) -> str | None:
    """Return what a number should be, or None if it is allowed."""
    try:
        number = float(value)
    except ValueError:
        return "a number"
    least, most = float(parameter.get("MinValue", "-inf")), float(parameter.get("MaxValue", "inf"))
    if not least <= number <= most:
        return f"a number from {parameter.get('MinValue', 'any')} to {parameter.get('MaxValue', 'any')}"
    return None


def rules(plan: Plan) -> Findings:
    """Check the template's rules, except the one that `make deploy` replaces."""
    for name, rule in plan.template.get("Rules", {}).items():
        if name == RULE or not holds(rule.get("RuleCondition", True), plan.values):
            continue
        for assertion in rule["Assertions"]:
            if not holds(assertion["Assert"], plan.values):
                named = sorted(_referred([assertion["Assert"], rule.get("RuleCondition")]))
                right = f"other values of {' or '.join(named)}"
                yield Finding(Verdict.FAILS, ", ".join(named), assertion["AssertDescription"], right)


def holds(node: Any, values: Mapping[str, str]) -> Any:
    """Return whether a rule's condition is true.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html
    """
    if not isinstance(node, Mapping):
        return [holds(each, values) for each in node] if isinstance(node, list) else node
    ((function, argument),) = node.items()
    if function == "Ref":
        return values[argument]
    given = holds(argument, values)
    if function not in FUNCTIONS:
        raise NotImplementedError(f"a rule uses {function}, which the preflight cannot evaluate")
    return FUNCTIONS[function](given)


def _referred(node: Any) -> set[str]:
    if isinstance(node, Mapping):
        return {str(node["Ref"])} if "Ref" in node else _referred(list(node.values()))
    return set().union(*map(_referred, node)) if isinstance(node, list) else set()


def without_effect(plan: Plan) -> Findings:
    """Check for values without effect, because another one is missing."""
    for name in ("CertificateArn", "HostedZoneId"):
        if plan[name] and not plan["DomainName"]:
            yield Finding(Verdict.BROKEN, name, "it has an effect only with a domain", "name DomainName as well")
    if plan.number("OrganizationRate") > plan.number("ThrottleRate"):
        what = f"one organization may use up the limit of all, {plan['ThrottleRate']} requests a second"
        yield Finding(
            Verdict.RISK, "OrganizationRate", what, "less than ThrottleRate, so that others can send requests"
        )
