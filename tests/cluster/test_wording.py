"""Refusals of newer servers are translated into the words of the samples' server."""

import pytest

from tests.cluster.wording import as_in_1_32


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (
            'metadata.labels: Invalid value: "x": must be no more than 63 bytes',
            'metadata.labels: Invalid value: "x": must be no more than 63 characters',
        ),
        ('spec.labels["a/b"]: Required value', "spec.labels[a/b]: Required value"),
        ('couldn\'t find key "token" in Secret x', "couldn't find key token in Secret x"),
    ],
)
def test_messages_of_newer_kubernetes_are_read_as_those_of_1_32(newer: str, older: str) -> None:
    assert as_in_1_32(newer) == older
    assert as_in_1_32(older) == older
