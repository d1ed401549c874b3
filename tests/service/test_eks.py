"""EKS against moto: where a cluster is, and the signed URL that is its token."""

import base64
import hmac
import os
import re
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
import trustme

from jobs_api import cluster as clusters
from jobs_api.cluster import ClusterUnavailable, ObjectNotFound, access, eks, lazy_client
from jobs_api.ids import new_id
from jobs_api.model.organization import Organization
from local.cluster import EmbeddedCluster
from tests.plain_authority import HOST, plain_authority, shake_hands

JULY = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def name() -> str:
    """Make a cluster of the test's own at EKS."""
    client: Any = botocore.session.get_session().create_client("eks")
    name = f"jobs-{new_id()}"
    client.create_cluster(name=name, roleArn="arn:aws:iam::123456789012:role/eks", resourcesVpcConfig={})
    return name


def url_of(token: str) -> str:
    encoded = token.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def test_eks_says_where_a_cluster_is(name: str) -> None:
    endpoint = eks.describe(name)
    assert endpoint.url.startswith("https://")
    assert endpoint.certificate_authority


def test_a_cluster_that_eks_does_not_know_is_unavailable() -> None:
    with pytest.raises(ClusterUnavailable):
        eks.describe("no-such-cluster")


def test_a_token_is_a_signed_question_who_we_are_that_only_works_for_this_cluster() -> None:
    token = eks.sign_token("jobs")
    assert re.fullmatch(r"k8s-aws-v1\.[A-Za-z0-9_-]+", token)
    url = urlsplit(url_of(token))
    query = parse_qs(url.query)
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["Version"] == ["2011-06-15"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Credential"][0].endswith("/us-east-1/sts/aws4_request")
    assert url.path == "/"


def test_the_signature_is_the_one_that_sts_computes() -> None:
    """By the rules of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""
    url = urlsplit(url_of(eks.sign_token("jobs")))
    parts = sorted(url.query.split("&"))
    signature = next(part.split("=")[1] for part in parts if part.startswith("X-Amz-Signature="))
    query = "&".join(part for part in parts if not part.startswith("X-Amz-Signature="))
    headers = f"host:{url.netloc}\nx-k8s-aws-id:jobs\n"
    asked = f"GET\n/\n{query}\n{headers}\nhost;x-k8s-aws-id\n{sha256(b'').hexdigest()}"
    (moment,) = parse_qs(query)["X-Amz-Date"]
    scope = [moment[:8], "us-east-1", "sts", "aws4_request"]
    signed = f"AWS4-HMAC-SHA256\n{moment}\n{'/'.join(scope)}\n{sha256(asked.encode()).hexdigest()}"
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in [*scope, signed]:
        key = hmac.digest(key, part.encode(), "sha256")
    assert key.hex() == signature


def test_without_an_endpoint_of_its_own_it_asks_the_regions_sts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert url_of(eks.sign_token("jobs")).startswith("https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count tokens instead of signing them."""
    tokens: list[str] = []

    def sign(cluster: str) -> str:
        tokens.append(f"{cluster}-{len(tokens)}")
        return tokens[-1]

    monkeypatch.setattr(eks, "sign_token", sign)
    return tokens


def test_a_token_is_kept_for_under_14_minutes(signed: list[str]) -> None:
    clock = Clock()
    tokens = eks.Tokens("jobs", clock)
    assert tokens.current() == "jobs-0"
    clock.seconds += 12 * 60
    assert tokens.current() == "jobs-0"
    clock.seconds += 2 * 60
    assert tokens.current() == "jobs-1"
    assert len(signed) == 2


def test_a_token_is_signed_again_after_the_clock_was_set_back(signed: list[str]) -> None:
    clock = Clock()
    tokens = eks.Tokens("jobs", clock)
    tokens.current()
    clock.seconds -= 3600
    assert tokens.current() == "jobs-1"
    assert len(signed) == 2


def test_a_forgotten_token_is_signed_again(signed: list[str]) -> None:
    tokens = eks.Tokens("jobs")
    tokens.current()
    tokens.forget()
    assert tokens.current() == "jobs-1"
    assert len(signed) == 2


def test_threads_that_ask_at_once_get_one_token(signed: list[str]) -> None:
    tokens = eks.Tokens("jobs")
    asking = [threading.Thread(target=tokens.current) for _ in range(10)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert signed == ["jobs-0"]


@pytest.fixture
def described(embedded_cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let EKS say that the embedded cluster is the one of any name, and return the names that were asked for."""
    authority = (embedded_cluster.kubeconfig.parent / "pki" / "ca.crt").read_bytes()
    names: list[str] = []

    def describe(name: str) -> eks.Endpoint:
        names.append(name)
        return eks.Endpoint(embedded_cluster.url, authority)

    monkeypatch.setattr(eks, "describe", describe)
    monkeypatch.delenv("JOBS_API_KUBECONFIG")
    return names


def organization(cluster: str | None = None) -> Organization:
    return Organization(id="org-acme", name="acme", cluster=cluster, created_at=JULY)


def test_an_organization_has_its_own_cluster_or_the_default(
    described: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, default = f"own-{new_id()}", f"default-{new_id()}"
    monkeypatch.setenv("DEFAULT_CLUSTER", default)
    for asked in (organization(own), organization(), organization(own)):
        clusters.connect(asked)
    assert described == [own, default]


def test_requests_carry_the_token_and_a_refused_one_is_signed_again(
    embedded_cluster: EmbeddedCluster, described: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = next(
        line.split(": ")[1] for line in embedded_cluster.kubeconfig.read_text().splitlines() if "token: " in line
    )
    tokens = ["expired", right]
    monkeypatch.setattr(eks, "sign_token", lambda _: tokens.pop(0))
    cluster = clusters.connect(organization(f"jobs-{new_id()}"))
    assert described
    with pytest.raises(ObjectNotFound):
        cluster.get_job("default", "nightly")
    assert tokens == []


def test_another_authority_than_eks_named_is_not_believed(
    embedded_cluster: EmbeddedCluster, described: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = trustme.CA().cert_pem.bytes()
    monkeypatch.setattr(eks, "describe", lambda _: eks.Endpoint(embedded_cluster.url, other))
    with pytest.raises(ClusterUnavailable):
        clusters.connect(organization(f"jobs-{new_id()}")).get_job("default", "nightly")
    assert described == []


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let this many seconds pass by the wall clock alone, as while Lambda freezes a process."""

    def pass_by(seconds: float) -> None:
        wall = time.time
        monkeypatch.setattr(time, "time", lambda: wall() + seconds)

    return pass_by


@pytest.mark.parametrize("fault", ["address", "authority", "token"])
def test_a_cluster_that_was_created_again_under_its_name_is_found(
    embedded_cluster: EmbeddedCluster,
    described: list[str],
    monkeypatch: pytest.MonkeyPatch,
    later: Callable[[float], None],
    fault: str,
) -> None:
    name, found = f"jobs-{new_id()}", eks.describe("")
    old = {
        "address": eks.Endpoint("https://127.0.0.1:9", found.certificate_authority),
        "authority": eks.Endpoint(found.url, trustme.CA().cert_pem.bytes()),
        "token": found,
    }[fault]
    kubeconfig = embedded_cluster.kubeconfig.read_text()
    right = next(line.split(": ")[1] for line in kubeconfig.splitlines() if "token: " in line)
    described.clear()
    answers = [old]

    def describe(name: str) -> eks.Endpoint:
        described.append(name)
        return answers[-1]

    monkeypatch.setattr(eks, "describe", describe)
    monkeypatch.setattr(eks, "sign_token", lambda _: "of-the-old-one" if fault == "token" else right)
    for _ in range(3):
        # Repeated failures do not make more requests to EKS.
        with pytest.raises(ClusterUnavailable):
            clusters.connect(organization(name)).get_job("default", "nightly")
    assert described == [name]

    later(30)
    with pytest.raises(ClusterUnavailable):
        clusters.connect(organization(name)).get_job("default", "nightly")
    answers.append(found)
    monkeypatch.setattr(eks, "sign_token", lambda _: right)

    with pytest.raises(ObjectNotFound):
        clusters.connect(organization(name)).get_job("default", "nightly")
    assert described == [name, name]


def test_eks_is_asked_again_after_ten_minutes_and_what_stayed_the_same_is_kept(
    described: list[str], later: Callable[[float], None]
) -> None:
    name = f"jobs-{new_id()}"
    first = clusters.connect(organization(name))

    later(access.ENDPOINT_SECONDS + 1)

    assert clusters.connect(organization(name)) is first
    assert described == [name, name]


def test_a_cluster_leaves_no_file_in_the_temporary_folder(
    described: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(eks, "sign_token", lambda _: "of nobody")
    with pytest.raises(ClusterUnavailable):
        clusters.connect(organization(f"jobs-{new_id()}")).get_job("default", "nightly")
    assert described
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("authority", [b"", b"no certificate", b"\xff"], ids=["empty", "text", "bytes"])
def test_a_cluster_without_a_usable_authority_is_unavailable(
    embedded_cluster: EmbeddedCluster, described: list[str], monkeypatch: pytest.MonkeyPatch, authority: bytes
) -> None:
    monkeypatch.setattr(eks, "describe", lambda _: eks.Endpoint(embedded_cluster.url, authority))
    with pytest.raises(ClusterUnavailable, match="certificate authority"):
        clusters.connect(organization(f"jobs-{new_id()}"))
    assert described == []


def test_the_authority_of_an_eks_cluster_is_trusted_although_it_has_no_identifiers(tmp_path: Path) -> None:
    """Otherwise no function reaches any such cluster: «Missing Authority Key Identifier»."""
    trusting = lazy_client.trusting(plain_authority().authority)

    shake_hands(trusting, tmp_path)


@pytest.mark.parametrize(
    ("authority", "host"),
    [(trustme.CA().cert_pem.bytes().decode(), HOST), (plain_authority().authority, "other.example.com")],
    ids=["another authority", "another host"],
)
def test_certificates_of_somebody_else_are_refused(authority: str, host: str, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(lazy_client.trusting(authority), tmp_path, host)
