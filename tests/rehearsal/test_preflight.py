"""`make preflight` as an operator calls it, on the AWS of this machine."""

import pytest

from tests.rehearsal.cloud import TOOLS
from tests.rehearsal.deployment import PARAMETERS, STACK, Deployment

pytestmark = pytest.mark.timeout(600)


def test_a_failing_parameter_is_reported_with_what_would_be_right(deployment: Deployment) -> None:
    parameters = {**PARAMETERS, "DefaultCluster": "elsewhere", "ManageAccessEntries": "true", "RunRetentionDay": "90"}
    values = [f"{name}={value}" for name, value in parameters.items()]

    with pytest.raises(AssertionError, match="of these 2 must be corrected first") as told:
        deployment.cloud.run(
            TOOLS / "sam/bin/python", "-m", "deploy.preflight", "--stack-name", STACK, "--parameter-overrides", *values
        )

    assert f"Stack {STACK} in account" in str(told.value)
    assert "FAILS: DefaultCluster: there is no EKS cluster 'elsewhere'" in str(told.value)
    assert "right: RunRetentionDays?" in str(told.value)
