"""kubectl, unchanged, against the cluster."""

import json
from collections.abc import Callable

from tests.cluster.conftest import WAIT_SECONDS
from tests.cluster.manifests import cron_job

type Kubectl = Callable[..., str]


def test_create_get_describe_and_delete(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=json.dumps(cron_job("nightly")))
    lines = kubectl("get", "cronjobs").splitlines()
    assert lines[0].split() == ["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST", "SCHEDULE", "AGE"]
    assert lines[1].startswith("nightly")
    assert "Concurrency Policy:" in kubectl("describe", "cronjob", "nightly")
    assert kubectl("get", "cj", "nightly", "-o", "jsonpath={.spec.schedule}") == "0 0 1 1 *"
    assert "deleted" in kubectl("delete", "cronjob", "nightly")


def test_apply_merges_what_changed(kubectl: Kubectl) -> None:
    assert "created" in kubectl("apply", "-f", "-", stdin=json.dumps(cron_job("nightly")))
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=json.dumps(cron_job("nightly")))
    assert "configured" in kubectl("apply", "-f", "-", stdin=json.dumps(cron_job("nightly", "1 1 1 1 1")))
    assert kubectl("get", "cj", "nightly", "-o", "jsonpath={.spec.schedule}") == "1 1 1 1 1"


def test_create_from_the_command_line(kubectl: Kubectl, image: str) -> None:
    kubectl("create", "cronjob", "nightly", f"--image={image}", "--schedule=0 0 1 1 *", "--", "echo", "made by hand")
    kubectl("create", "job", "now", "--from=cronjob/nightly")
    kubectl("wait", "--for=condition=complete", "job/now", f"--timeout={WAIT_SECONDS - 10}s")
    assert kubectl("logs", "job/now") == "made by hand\n"
    assert "cronjob.kubernetes.io/instantiate" in kubectl("get", "job", "now", "-o", "yaml")
    kubectl("create", "secret", "generic", "key", "--from-literal=token=s3cret")
    assert kubectl("get", "secret", "key", "-o", "jsonpath={.data.token}") == "czNjcmV0"


def test_labels_select(kubectl: Kubectl) -> None:
    for name in ("one", "two"):
        kubectl("create", "configmap", name)
    kubectl("label", "configmap", "two", "wanted=yes")
    assert kubectl("get", "configmaps", "-l", "wanted=yes", "-o", "name").strip() == "configmap/two"
