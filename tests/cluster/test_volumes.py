"""Volumes of Pods: scratch folders, ConfigMaps, Secrets, and tokens of the Pod's service account."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from kubernetes import client

from local.cluster.clock import TestClock
from local.cluster.kubelet.processes import Command
from local.cluster.kubelet.volumes import Volumes
from local.cluster.service_accounts import TokenIssuer
from tests.cluster.manifests import refused
from tests.cluster.workloads import Eventually, Object, ended_pod, pod, running_pod, shell

type Create = Callable[..., None]


def token_source(**more: Any) -> Object:
    return {"sources": [{"serviceAccountToken": {"path": "token", "audience": "jobs-api", **more}}]}


@pytest.fixture
def create(core: client.CoreV1Api, namespace: str, image: str) -> Create:
    """Return a function that creates a Pod named `work` with one volume at /mnt/here."""

    def made(script: str, volume: Object, **mount: Any) -> None:
        work = pod("work", image, shell(script), volumeMounts=[{"name": "v", "mountPath": "/mnt/here", **mount}])
        work["spec"]["volumes"] = [{"name": "v", **volume}]
        core.create_namespaced_pod(namespace, work)

    return made


@pytest.fixture
def output(create: Create, core: client.CoreV1Api, namespace: str, eventually: Eventually) -> Callable[..., str]:
    """Return a function that runs a script in a Pod with one volume, and returns what it printed."""

    def printed(script: str, volume: Object, **mount: Any) -> str:
        create(script, volume, **mount)
        ended = ended_pod(core, namespace, "work", eventually)
        log: str = core.read_namespaced_pod_log("work", namespace)
        assert ended.status.phase == "Succeeded", log
        return log

    return printed


def test_an_empty_folder_can_be_written(output: Callable[..., str]) -> None:
    assert output("ls /mnt/here && echo kept > /mnt/here/file && cat /mnt/here/file", {"emptyDir": {}}) == "kept\n"


def test_a_config_map_is_files(output: Callable[..., str], core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "made"}, "data": {"a.txt": "one", "b": "two"}})
    assert output("cat /mnt/here/a.txt /mnt/here/b", {"configMap": {"name": "made"}}) == "onetwo"


def test_chosen_keys_of_a_secret_have_other_names(
    output: Callable[..., str], core: client.CoreV1Api, namespace: str
) -> None:
    core.create_namespaced_secret(namespace, {"metadata": {"name": "made"}, "stringData": {"a": "one", "b": "two"}})
    volume = {"secret": {"secretName": "made", "items": [{"key": "b", "path": "in/it"}]}}
    assert output("find -L /mnt/here -name it -exec cat {} +", volume) == "two"


def test_a_missing_config_map_delays_the_pod_and_an_event_says_so(
    create: Create, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    create("cat /mnt/here/a", {"configMap": {"name": "late"}})

    def told() -> bool:
        events = core.list_namespaced_event(namespace).items
        return any(one.reason == "FailedMount" and 'configmap "late" not found' in one.message for one in events)

    eventually(told)
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "late"}, "data": {"a": "here"}})
    ended_pod(core, namespace, "work", eventually)
    assert core.read_namespaced_pod_log("work", namespace) == "here"


def test_a_pod_that_waits_for_its_volume_can_be_deleted(
    create: Create, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    create("true", {"configMap": {"name": "never"}})
    eventually(lambda: core.read_namespaced_pod("work", namespace).spec.node_name)
    core.delete_namespaced_pod("work", namespace)
    eventually(lambda: not core.list_namespaced_pod(namespace).items)


def test_an_optional_volume_may_be_missing(output: Callable[..., str]) -> None:
    assert output("ls /mnt/here", {"configMap": {"name": "none", "optional": True}}) == ""


def test_a_token_says_which_pod_has_it_and_the_issuers_key_proves_it(
    create: Create, core: client.CoreV1Api, api: client.ApiClient, namespace: str, eventually: Eventually
) -> None:
    create("cat /mnt/here/token; echo; sleep 300", {"projected": token_source()})
    running = running_pod(core, namespace, "work", eventually)
    token = eventually(lambda: core.read_namespaced_pod_log("work", namespace))
    header, claims = read(token)
    assert claims["aud"] == ["jobs-api"]
    assert claims["sub"] == f"system:serviceaccount:{namespace}:default"
    bound = claims["kubernetes.io"]
    assert (bound["namespace"], bound["pod"]) == (namespace, {"name": "work", "uid": running.metadata.uid})
    assert 3500 < claims["exp"] - claims["iat"] <= 3700
    issuer, keys = (served(api, path) for path in ("/.well-known/openid-configuration", "/openid/v1/jwks"))
    assert issuer["issuer"] == claims["iss"]
    prove(token, next(key for key in keys["keys"] if key["kid"] == header["kid"]))


def test_the_api_takes_no_token_of_another_audience(output: Callable[..., str], api: client.ApiClient) -> None:
    token = output("cat /mnt/here/token", {"projected": token_source()})
    with urllib3.PoolManager(ca_certs=api.configuration.ssl_ca_cert) as pool:
        told = pool.request("GET", f"{api.configuration.host}/api/v1", headers={"Authorization": f"Bearer {token}"})
    assert told.status == 401


@pytest.mark.parametrize(
    ("source", "path", "message"),
    [
        ({"expirationSeconds": 599}, "expirationSeconds", "may not specify a duration less than 10 minutes"),
        ({"path": "/token"}, "path", "must be a relative path"),
        ({"path": "../token"}, "path", "must not contain '..'"),
    ],
)
def test_a_token_that_kubernetes_refuses_is_refused(create: Create, source: Object, path: str, message: str) -> None:
    refusal = refused(lambda: create("true", {"projected": token_source(**source)}))
    (cause,) = json.loads(refusal.body)["details"]["causes"]
    assert cause["field"] == f"spec.volumes[0].projected.sources[0].serviceAccountToken.{path}"
    assert message in cause["message"]


def test_a_token_is_replaced_before_it_expires(tmp_path: Path) -> None:
    clock = TestClock(datetime(2026, 5, 4, 12, tzinfo=UTC))
    spec = {"volumes": [{"name": "v", "projected": token_source(expirationSeconds=3600)}]}
    work = {"metadata": {"name": "work", "namespace": "org-acme", "uid": "u-1"}, "spec": spec}
    account = {"metadata": {"name": "default", "uid": "a-1"}}
    volumes = Volumes(work, tmp_path, lambda *_: account, TokenIssuer(), clock)

    def expires_at() -> int:
        return int(read((tmp_path / "volumes/v/token").read_text())[1]["exp"])

    async def renewed() -> list[int]:
        await volumes.set_up(pytest.fail)
        renewing = asyncio.create_task(volumes.renew_tokens())
        seen = []
        for minutes in (0, 47, 2):
            clock.advance(minutes * 60)
            for _ in range(5):
                await asyncio.sleep(0)
            seen.append(expires_at())
        renewing.cancel()
        return seen

    first, still, later = asyncio.run(renewed())
    assert (still - first, later - first) == (0, 49 * 60)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/mnt/here", "{v}"),
        ("/mnt/here/a/b", "{v}/a/b"),
        ("--path=/mnt/here", "--path={v}"),
        ("a:/mnt/here:/bin", "a:{v}:/bin"),
        ("cat '/mnt/here/x' >/mnt/hereafter", "cat '{v}/x' >/mnt/hereafter"),
        ("/other/mnt/here", "/other/mnt/here"),
    ],
)
def test_a_mount_path_in_a_word_is_replaced_by_the_folder_of_the_volume(
    tmp_path: Path, word: str, expected: str
) -> None:
    work = {"metadata": {"name": "work"}, "spec": {}}
    volumes = Volumes(work, tmp_path, lambda *_: None, TokenIssuer(), TestClock(datetime(2026, 5, 4, tzinfo=UTC)))
    container = {"volumeMounts": [{"name": "v", "mountPath": "/mnt/here"}]}
    made = volumes.mounted(container, Command([word], {"A": word}, "/"))
    placed = expected.format(v=tmp_path / "volumes/v")
    assert (made.argv, made.env) == ([placed], {"A": placed})


def test_another_cluster_in_the_same_home_signs_with_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "pki" / "sa.key"
    assert TokenIssuer(path).keys() == TokenIssuer(path).keys()
    assert path.stat().st_mode & 0o777 == 0o600


def read(token: str) -> tuple[Object, Object]:
    header, claims, _ = token.split(".")
    return part(header), part(claims)


def part(text: str) -> Object:
    found: Object = json.loads(base64.urlsafe_b64decode(text + "=="))
    return found


def served(api: client.ApiClient, path: str) -> Object:
    found: Object = api.call_api(path, "GET", auth_settings=["BearerToken"], response_type="object")[0]
    return found


def prove(token: str, key: Object) -> None:
    """Raise InvalidSignature unless the key signed the token."""
    n, e = (int.from_bytes(base64.urlsafe_b64decode(key[name] + "==")) for name in ("n", "e"))
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    rsa.RSAPublicNumbers(e, n).public_key().verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
