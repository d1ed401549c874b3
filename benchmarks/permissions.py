"""How much each function is allowed: the IAM actions in its own policy, and on how many resources.

    python -m benchmarks.permissions

tests/functions/test_permissions.py checks that each is needed and no other is.
"""

from benchmarks.measure import ROOT, Figure, report
from local.template import read
from tests.permissions import template_grants


def main() -> None:
    """Count what template.yaml grants."""
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    granted = template_grants.grants(template)
    actions = {function: {grant.action for grant in grants} for function, grants in granted.items()}
    report(
        "IAM actions of each function, without those for logs and traces",
        [Figure(function, len(names), "") for function, names in sorted(actions.items())],
        f"{len(set().union(*actions.values()))} actions in all, {sum(map(len, granted.values()))} grants of one on one "
        f"resource; {sum('*' in grant.action or grant.resource == '*' for g in granted.values() for grant in g)} "
        "with * for the action or the resource",
    )


if __name__ == "__main__":
    main()
