"""The question whether a cluster grants what the manifest does, asked of a kubectl that is a script."""

import json
from pathlib import Path

import pytest

from deploy import cluster_rights
from deploy.cluster_rights import Right
from deploy.preflight import cluster_access
from deploy.preflight.findings import Finding, Verdict
from tests.deployment import accounts
from tests.deployment.accounts import Account, answer, stack

KUBECTL = """#!/bin/sh
echo "$*" >> "$0.asked"
case "$*" in
  "config view"*) echo '{"clusters": [{"cluster": {"server": "https://abc.eks.amazonaws.com"}}]}' ;;
  "get rolebindings"*) cat "$0.bindings" ;;
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


def test_missing_rights_are_named(kubectl: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def bindings(kubectl: Path, *found: tuple[str, str, str]) -> None:
    """Set the RoleBindings of the cluster: namespace, and kind and name of the one subject."""
    items = [
        {"metadata": {"namespace": namespace}, "subjects": [{"kind": kind, "name": name}]}
        for namespace, kind, name in found
    ]
    # Kubernetes leaves out `subjects` where there are none.
    Path(f"{kubectl}.bindings").write_text(json.dumps({"items": [*items, {"metadata": {"namespace": "empty"}}]}))


def preflight(*, deployed: bool = True, endpoint: str = "https://ABC.eks.amazonaws.com", **given: str) -> list[Finding]:
    account = Account(eks__describe_cluster=answer("eks__describe_cluster"))
    account.answers["eks.describe_cluster"]["cluster"]["endpoint"] = endpoint
    plan = accounts.plan(stack("UPDATE_COMPLETE") if deployed else None, **given)
    return list(cluster_access.check(plan, account))


class TestPreflight:
    def test_each_namespace_of_the_group_is_asked(self, kubectl: Path) -> None:
        bindings(
            kubectl,
            ("org-b", "Group", "jobs-api"),
            ("org-a", "Group", "jobs-api"),
            ("org-test", "Group", "jobs-api-test"),
            ("kube-system", "User", "jobs-api"),
        )

        assert [(one.verdict, one.subject, one.problem) for one in preflight()] == [
            (Verdict.BROKEN, f"the namespace {name}", f"jobs-api may not patch pods in {name}")
            for name in ("org-a", "org-b")
        ]
        assert "org-test" not in Path(f"{kubectl}.asked").read_text()

    def test_the_group_is_that_of_the_deployment(self, kubectl: Path) -> None:
        bindings(kubectl, ("org-a", "Group", "jobs-api"), ("org-test", "Group", "jobs-api-test"))

        assert [one.subject for one in preflight(KubernetesGroup="jobs-api-test")] == ["the namespace org-test"]

    def test_a_group_without_a_namespace_is_to_be_looked_at(self, kubectl: Path) -> None:
        bindings(kubectl, ("org-test", "Group", "jobs-api-test"))

        (found,) = preflight()

        assert (found.verdict, found.subject) == (Verdict.RISK, "KubernetesGroup")

    def test_another_cluster_of_kubectl_is_not_asked(self, kubectl: Path) -> None:
        (found,) = preflight(endpoint="https://def.eks.amazonaws.com")

        assert found.verdict is Verdict.UNKNOWN
        assert "kubectl speaks to https://abc.eks.amazonaws.com" in found.problem
        assert "aws eks update-kubeconfig --name" in found.right
        assert "can-i" not in Path(f"{kubectl}.asked").read_text()

    def test_a_cluster_that_does_not_answer_is_not_looked_at(self, kubectl: Path) -> None:
        kubectl.write_text(
            '#!/bin/sh\ncase "$*" in config*) echo \'{"clusters": [{"cluster": {"server": '
            '"https://abc.eks.amazonaws.com"}}]}\' ;; *) echo Unable to connect >&2; exit 1 ;; esac\n'
        )

        (found,) = preflight()

        assert (found.verdict, found.problem) == (Verdict.UNKNOWN, "kubectl could not ask: Unable to connect")

    def test_without_kubectl_the_command_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        (found,) = preflight()

        assert found.verdict is Verdict.UNKNOWN
        assert "No such file or directory: 'kubectl'" in found.problem

    @pytest.mark.usefixtures("kubectl")
    def test_before_the_first_deployment_there_is_nothing_to_ask(self) -> None:
        assert preflight(deployed=False) == []


def test_a_cluster_that_hangs_is_given_up(kubectl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(cluster_rights, "TIMEOUT_SECONDS", 0.05)

    with pytest.raises(OSError, match="did not answer within"):
        cluster_rights.missing("org-acme")
