"""The question whether a cluster grants what the manifest does, asked of a kubectl that is a script."""

from pathlib import Path

import pytest

from deploy import cluster_rights
from deploy.cluster_rights import Right

KUBECTL = """#!/bin/sh
echo "$*" >> "$0.asked"
case "$*" in
  *"patch pods"*) echo "no"; exit 1 ;;
  *"no-such"*) echo "You must be logged in to the server" >&2; exit 1 ;;
  *) echo "yes" ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return program


def test_every_verb_of_the_manifest_is_asked_for() -> None:
    rights = cluster_rights.rights()

    assert {
        Right("jobs-api", "patch", "pods"),
        Right("jobs-api", "update", "cronjobs.batch/status"),
        Right("jobs-api", "create", "configmaps"),
        Right("jobs-api-reader", "get", "pods/log"),
        Right("jobs-api-reader", "get", "/openid/v1/jwks"),
    } <= set(rights)
    manifest = cluster_rights.MANIFEST.read_text().partition("kind: RoleBinding")[0]
    assert {right.verb for right in rights} == {"create", "delete", "get", "list", "patch", "update"}
    assert all(f"{right.verb}" in manifest for right in rights)


def test_what_is_missing_is_named(kubectl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cluster_rights.main(["org-acme"]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "jobs-api may not patch pods in org-acme",
        "1 rights are missing: apply jobs-api.yaml again",
    ]
    asked = Path(f"{kubectl}.asked").read_text().splitlines()
    assert "auth can-i get pods --subresource=log -n org-acme --as x --as-group jobs-api" in asked
    assert "auth can-i get /openid/v1/jwks --as x --as-group jobs-api-reader" in asked


def test_another_deployments_group_is_asked_for(kubectl: Path) -> None:
    cluster_rights.main(["org-acme", "--group", "jobs-api-test"])

    asked = Path(f"{kubectl}.asked").read_text()
    assert "--as-group jobs-api-test\n" in asked
    assert "--as-group jobs-api-test-reader\n" in asked


@pytest.mark.usefixtures("kubectl")
def test_a_cluster_out_of_reach_is_not_reported_as_one_without_rights(capsys: pytest.CaptureFixture[str]) -> None:
    assert cluster_rights.main(["no-such"]) == 2
    assert "You must be logged in" in capsys.readouterr().err
