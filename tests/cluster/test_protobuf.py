"""Protobuf bodies, which newer kubectl sends: read into the same objects that JSON would make."""

import pytest

from local.cluster.api.protobuf import MAGIC, decode


def varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def held(number: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def counted(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value % (1 << 64))


def enveloped(version: str, kind: str, content: bytes) -> bytes:
    return MAGIC + held(1, held(1, version) + held(2, kind)) + held(2, content)


def test_it_works() -> None:
    label = held(11, held(1, "team") + held(2, "data"))
    metadata = held(1, "space") + held(8, b"") + label
    assert decode(enveloped("v1", "Namespace", held(1, metadata))) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "space", "creationTimestamp": None, "labels": {"team": "data"}},
    }


def test_a_job_with_every_special_encoding_is_decoded() -> None:
    limit = held(1, "cpu") + held(2, held(1, "500m"))
    probe = held(1, held(2, held(2, counted(1, 0) + counted(2, 8080)))) + counted(2, 5)
    secret = held(3, held(4, held(1, held(1, "keys")) + held(2, "token")))
    container = held(1, "main") + held(3, "echo") + held(3, "hi") + held(8, held(1, limit)) + held(10, probe)
    container += held(7, held(1, "TOKEN") + secret) + counted(16, 1)
    volume = held(1, "scratch") + held(2, held(2, b""))
    token = held(1, "jobs-api") + counted(2, 3600) + held(3, "token")
    projected = held(26, held(1, held(4, token)) + counted(2, 420))
    template = held(
        2, held(1, volume) + held(1, held(1, "identity") + held(2, projected)) + held(2, container) + counted(4, -1)
    )
    job = decode(enveloped("batch/v1", "Job", held(2, counted(7, 0) + held(6, template)) + held(3, counted(4, 0))))
    assert job["spec"] == {
        "backoffLimit": 0,
        "template": {
            "spec": {
                "volumes": [
                    {"name": "scratch", "emptyDir": {}},
                    {
                        "name": "identity",
                        "projected": {
                            "defaultMode": 420,
                            "sources": [
                                {
                                    "serviceAccountToken": {
                                        "audience": "jobs-api",
                                        "expirationSeconds": 3600,
                                        "path": "token",
                                    }
                                }
                            ],
                        },
                    },
                ],
                "containers": [
                    {
                        "name": "main",
                        "command": ["echo", "hi"],
                        "resources": {"limits": {"cpu": "500m"}},
                        "livenessProbe": {"httpGet": {"port": 8080}, "initialDelaySeconds": 5},
                        "env": [
                            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
                        ],
                        "stdin": True,
                    }
                ],
                "terminationGracePeriodSeconds": -1,
            }
        },
    }
    assert "status" not in job


def test_fields_that_would_be_lost_are_refused() -> None:
    with pytest.raises(ValueError, match="field 99 of Namespace is not known"):
        decode(enveloped("v1", "Namespace", held(99, "x")))


@pytest.mark.parametrize("content", [b"", b"\x0a", b"\x0a\x05ab", b"\xff" * 12, enveloped("v1", "Nonsense", b"")[4:]])
def test_a_body_that_is_not_protobuf_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="proto"):
        decode(MAGIC + content)
