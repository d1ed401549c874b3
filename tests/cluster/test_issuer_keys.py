"""The keys of a cluster's issuer are kept for a while, and follow the issuer when it rotates them."""

from collections.abc import Callable
from typing import cast

import pytest

from jobs_api.cluster.client import Cluster
from jobs_api.cluster.issuer import ISSUER_KEPT_SECONDS, KEYS_READ_AGAIN_SECONDS, MOST_ISSUER_KEYS, Issuer
from jobs_api.errors import ClusterUnavailable
from local.cluster.service_accounts import ISSUER, TokenIssuer

OLD, NEW = TokenIssuer(), TokenIssuer()


class Published:
    """A cluster whose issuer publishes what is said, and which counts how often its keys are read."""

    def __init__(self) -> None:
        """Publish the old key."""
        self.keys: list[object] = list(OLD.keys()["keys"])
        self.read = 0
        self.answers = True
        self.seconds = 1_000_000.0

    def issuer(self) -> str:
        return ISSUER

    def issuer_keys(self) -> list[object]:
        self.read += 1
        if not self.answers:
            raise ClusterUnavailable("it did not answer")
        return self.keys


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def issuer(published: Published) -> Issuer:
    return Issuer(cast("Cluster", published), clock=lambda: published.seconds)


def test_keys_are_read_once_for_many_tokens(published: Published, issuer: Issuer) -> None:
    for _ in range(100):
        assert issuer.name == ISSUER
        assert issuer.key(OLD.key_id) is not None
        published.seconds += ISSUER_KEPT_SECONDS / 200

    assert published.read == 1


def test_a_new_key_is_valid_with_its_first_token(published: Published, issuer: Issuer) -> None:
    assert issuer.key(OLD.key_id) is not None
    published.keys += NEW.keys()["keys"]
    published.seconds += KEYS_READ_AGAIN_SECONDS + 1

    assert issuer.key(NEW.key_id) is not None
    assert issuer.key(OLD.key_id) is not None
    assert published.read == 2


def test_made_up_key_ids_have_the_keys_read_seldom(published: Published, issuer: Issuer) -> None:
    for number in range(1_000):
        assert issuer.key(f"made-up-{number}") is None
        published.seconds += 0.1

    assert published.read <= 100 / KEYS_READ_AGAIN_SECONDS + 1


def test_a_key_that_the_issuer_has_withdrawn_proves_nothing_after_ten_minutes(
    published: Published, issuer: Issuer
) -> None:
    assert issuer.key(OLD.key_id) is not None
    published.keys = list(NEW.keys()["keys"])
    published.seconds += ISSUER_KEPT_SECONDS + 1

    assert issuer.key(OLD.key_id) is None


def test_a_cluster_that_does_not_answer_is_asked_again_by_the_next_token(published: Published, issuer: Issuer) -> None:
    published.answers = False
    with pytest.raises(ClusterUnavailable):
        issuer.key(OLD.key_id)
    published.answers = True

    assert issuer.key(OLD.key_id) is not None


@pytest.mark.parametrize("change", [lambda keys: [None, "x", 3, *keys], lambda keys: [{"kid": "x"}, {}, *keys]])
def test_an_entry_that_is_no_key_is_left_out(
    published: Published, issuer: Issuer, change: Callable[[list[object]], list[object]]
) -> None:
    published.keys = change(published.keys)

    assert issuer.key(OLD.key_id) is not None
    assert issuer.key("x") is None


def test_an_issuer_with_very_many_keys_has_its_first_ones_taken(published: Published, issuer: Issuer) -> None:
    published.keys = [*OLD.keys()["keys"]] * MOST_ISSUER_KEYS + NEW.keys()["keys"]

    assert issuer.key(OLD.key_id) is not None
    assert issuer.key(NEW.key_id) is None
