"""`make preflight` as an operator calls it, on the AWS of this machine."""

import pytest

from tests.rehearsal.cloud import TOOLS
from tests.rehearsal.deployment import PARAMETERS, STACK, Deployment

pytestmark = pytest.mark.timeout(600)


def test_what_would_fail_is_told_with_what_would_be_right(deployment: Deployment) -> None:
    with pytest.raises(AssertionError, match="findings, of which") as told:
        preflight(deployment, {"DefaultCluster": "elsewhere", "ManageAccessEntries": "true", "RunRetentionDay": "90"})

    assert "FAILS: DefaultCluster: there is no EKS cluster 'elsewhere'" in str(told.value)
    assert "right: RunRetentionDays?" in str(told.value)


def test_what_is_deployed_here_has_nothing_to_put_right_but_its_cluster(deployment: Deployment) -> None:
    with pytest.raises(AssertionError, match="of which 1 must be put right") as told:
        preflight(deployment, PARAMETERS)

    assert f"Stack {STACK} in account" in str(told.value)
    # MiniStack has no clusters; the functions find theirs through KUBECONFIG.
    assert "DOES NOT WORK: DefaultCluster" in str(told.value)


def preflight(deployment: Deployment, parameters: dict[str, str]) -> str:
    values = [f"{name}={value}" for name, value in parameters.items()]
    return deployment.cloud.run(
        TOOLS / "sam/bin/python", "-m", "deploy.preflight", "--stack-name", STACK, "--parameter-overrides", *values
    )
