"""Tokens of Pods: what proves which Pod sent a request, and what an attacker may try instead."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.auth.pod_tokens import LONGEST_TOKEN, InvalidToken, PodIdentity, claimed_namespace, verify
from jobs_api.auth.rsa_signatures import PublicKey
from local.cluster.service_accounts import ISSUER, TokenIssuer

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CLUSTER = TokenIssuer()
ATTACKER = TokenIssuer()
POD = {"metadata": {"name": "nightly-abc", "namespace": "org-acme", "uid": "u-1"}}
ACCOUNT = {"metadata": {"name": "default", "uid": "a-1"}}
GOOD = CLUSTER.token(POD, ACCOUNT, "jobs-api", 3600, NOW)


def key_of(key_id: str, issuer: TokenIssuer = CLUSTER) -> PublicKey | None:
    return next((PublicKey.of(key) for key in issuer.keys()["keys"] if key["kid"] == key_id), None)


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return found


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    return CLUSTER.signed(header or {"alg": "RS256", "kid": CLUSTER.key_id}, claims)


def refused(token: str, at: datetime = NOW) -> str:
    with pytest.raises(InvalidToken) as told:
        verify(token, key_of, ISSUER, at)
    return str(told.value)


def test_a_token_says_which_pod_it_was_issued_to() -> None:
    assert verify(GOOD, key_of, ISSUER, NOW) == PodIdentity("org-acme", "nightly-abc", "u-1")
    assert claimed_namespace(GOOD) == "org-acme"


@pytest.mark.parametrize(
    "namespace", ["a" * 64, "a" * 3000, "../x", "a\0", "a\n", "\ud800", "A", "-a", "é", "", 5, None, ["org-acme"], {}]
)
def test_a_namespace_that_is_no_name_is_refused_before_any_key_is_read(namespace: object) -> None:
    token = f"{encoded({})}.{encoded({'kubernetes.io': {'namespace': namespace}})}.x"

    with pytest.raises(InvalidToken):
        claimed_namespace(token)


def test_a_token_is_refused_from_the_second_of_its_expiry() -> None:
    verify(GOOD, key_of, ISSUER, NOW + timedelta(seconds=3599))
    assert refused(GOOD, NOW + timedelta(seconds=3600)) == "it has expired"
    assert refused(GOOD, NOW - timedelta(seconds=61)) == "it is not valid yet"


def test_the_clocks_of_the_cluster_and_of_this_service_may_differ_by_a_minute() -> None:
    verify(GOOD, key_of, ISSUER, NOW - timedelta(seconds=60))


def test_a_token_need_not_say_from_when_it_is_valid() -> None:
    verify(signed({name: value for name, value in claims_of(GOOD).items() if name != "nbf"}), key_of, ISSUER, NOW)


@pytest.mark.parametrize("audience", ["not-jobs-api", "jobs-api-2", "", None, 5, {"jobs-api": True}, []])
def test_an_audience_is_the_whole_name_or_in_a_list(audience: object) -> None:
    assert refused(signed({**claims_of(GOOD), "aud": audience})) == "it is for another audience"
    verify(signed({**claims_of(GOOD), "aud": "jobs-api"}), key_of, ISSUER, NOW)


def test_a_token_with_a_critical_extension_is_refused() -> None:
    header = {"alg": "RS256", "kid": CLUSTER.key_id, "crit": ["exp"]}
    assert refused(signed(claims_of(GOOD), header)) == "it has a critical extension"


def test_a_token_of_another_audience_or_issuer_is_refused() -> None:
    for audience in ("", "sts.amazonaws.com", "jobs-api2"):
        assert refused(CLUSTER.token(POD, ACCOUNT, audience, 3600, NOW)) == "it is for another audience"
    assert refused(signed({**claims_of(GOOD), "iss": "https://elsewhere"})) == "it is of another issuer"


def test_an_unsigned_token_is_refused_however_it_is_written() -> None:
    body = GOOD.split(".")[1]
    for name in ("none", "None", "NONE", "", None):
        head = encoded({"alg": name, "kid": CLUSTER.key_id})
        assert refused(f"{head}.{body}.") == "it is not signed with RS256"


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    key = CLUSTER.keys()["keys"][0]
    signed = f"{encoded({'alg': 'HS256', 'kid': key['kid']})}.{GOOD.split('.')[1]}"
    for secret in (key["n"].encode(), json.dumps(key).encode()):
        mac = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()
        assert refused(f"{signed}.{mac}") == "it is not signed with RS256"


def test_a_key_that_the_issuer_does_not_have_proves_nothing() -> None:
    assert refused(ATTACKER.token(POD, ACCOUNT, "jobs-api", 3600, NOW)) == "the issuer has no key of this id"
    forged = ATTACKER.signed({"alg": "RS256", "kid": CLUSTER.key_id}, claims_of(GOOD))
    assert refused(forged) == "its signature is wrong"


def test_a_token_cannot_bring_its_own_key() -> None:
    header = {"alg": "RS256", "kid": "mine", "jwk": ATTACKER.keys()["keys"][0], "jku": "https://attacker/keys"}
    assert refused(ATTACKER.signed(header, claims_of(GOOD))) == "the issuer has no key of this id"


@pytest.mark.parametrize("kid", [None, 7, "", "x" * 257, ["a"]])
def test_a_header_without_a_proper_key_id_is_refused(kid: object) -> None:
    assert refused(signed(claims_of(GOOD), {"alg": "RS256", "kid": kid})) == "it names no key"


@pytest.mark.parametrize(
    "bound",
    [
        *(None, {}, "org-acme", {"namespace": "org-acme"}, {"pod": []}),
        *({"namespace": "org-acme", "pod": {"name": "x"}}, {"namespace": "org-acme", "pod": {"name": "x", "uid": ""}}),
    ],
)
def test_a_token_that_is_bound_to_no_pod_is_refused(bound: object) -> None:
    assert refused(signed({**claims_of(GOOD), "kubernetes.io": bound})) == "it is not bound to a pod"


def test_the_subject_must_be_in_the_namespace_that_the_token_is_bound_to() -> None:
    token = signed({**claims_of(GOOD), "sub": "system:serviceaccount:org-other:default"})
    assert refused(token) == "its subject is in another namespace"


@pytest.mark.parametrize("value", ["tomorrow", None, True, [2**40]])
def test_an_end_that_is_no_number_is_refused(value: object) -> None:
    assert refused(signed({**claims_of(GOOD), "exp": value})) == "its exp is no time"


@given(at=st.integers(0, len(GOOD) - 1), letter=st.sampled_from("Aa09_-.=é"))
def test_a_token_with_one_changed_letter_is_refused(at: int, letter: str) -> None:
    # The last letter of each part has bits that base64 leaves out.
    ends = {index - 1 for index, one in enumerate(GOOD) if one == "."} | {len(GOOD) - 1}
    changed = GOOD[:at] + letter + GOOD[at + 1 :]
    if at not in ends and changed != GOOD:
        refused(changed)


@given(st.text(max_size=200))
def test_any_text_is_refused_as_a_token_without_another_error(text: str) -> None:
    refused(text)


def test_a_huge_token_is_refused_unread() -> None:
    assert refused("a" * (LONGEST_TOKEN + 1)) == "it is no token"
    assert refused(f"{'[' * 4000}.{'W' * 4000}.") == "it is no token"
    assert refused(signed({**claims_of(GOOD), "padding": "a" * LONGEST_TOKEN})) == "it is no token"


def test_a_token_of_other_letters_is_refused_before_its_signature_is_checked() -> None:
    head, _, signature = GOOD.split(".")
    assert refused(f"{head}.\ud800.{signature}") == "it is no token"


@pytest.mark.parametrize(
    "change",
    [{"kty": "EC"}, {"use": "enc"}, {"alg": "RS512"}, {"n": "AQAB"}, {"e": "AQ"}, {"n": 5}, {"n": "!"}, {"e": None}],
)
def test_a_key_that_is_not_for_rs256_signatures_is_not_used(change: dict[str, object]) -> None:
    assert PublicKey.of({**CLUSTER.keys()["keys"][0], **change}) is None
