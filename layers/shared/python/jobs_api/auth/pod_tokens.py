"""Tokens by which a Pod proves which one it is: projected service-account tokens for the audience `jobs-api`.

A kubelet puts such a token into the Pod and replaces it before it expires; the cluster's issuer signs it.
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#serviceaccount-token-volume-projection
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from jobs_api.auth.rsa_signatures import PublicKey, decoded_base64url
from jobs_api.model.names import is_dns_label
from jobs_api.runner import AUDIENCE

# A real one has about 1,100 characters.
LONGEST_TOKEN: Final = 8192
LONGEST_KEY_ID: Final = 256
# How much the clocks of the cluster and of this service may differ.
SKEW_SECONDS: Final = 60

type Claims = dict[str, Any]


class InvalidToken(Exception):
    """A token proves nothing; the message says why, for the service's own log."""


@dataclass(frozen=True)
class PodIdentity:
    """A Pod that proved which one it is."""

    namespace: str
    pod: str
    pod_uid: str


def claimed_namespace(token: str) -> str:
    """Return the namespace that a token claims, which only says whose issuer to ask; raises InvalidToken."""
    namespace = _bound(_part(_parts(token)[1]), "namespace")
    # Anybody may have written it, and it becomes the key of a read.
    if not is_dns_label(namespace):
        raise InvalidToken("it names no namespace")
    return namespace


def verify(token: str, key_of: Callable[[str], PublicKey | None], issuer: str, now: datetime) -> PodIdentity:
    """Return the Pod that a token was issued to.

    Args:
        token: the token, without `Bearer`.
        key_of: returns the issuer's key with an id.
        issuer: whose tokens are accepted.
        now: the time.

    Raises:
        InvalidToken: it is not one of this issuer for this audience and a Pod, or it is not valid now.
    """
    head, body, signature = _parts(token)
    header = _part(head)
    # A token must not choose how it is checked: not `none`, and not HS256 with the public key as the secret.
    if header.get("alg") != "RS256":
        raise InvalidToken("it is not signed with RS256")
    if "crit" in header:
        raise InvalidToken("it has a critical extension")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= LONGEST_KEY_ID:
        raise InvalidToken("it names no key")
    key = key_of(key_id)
    if key is None:
        raise InvalidToken("the issuer has no key of this id")
    if not key.signed(f"{head}.{body}".encode(), _raw(signature)):
        raise InvalidToken("its signature is wrong")
    return _identity(_part(body), issuer, now)


def _identity(claims: Claims, issuer: str, now: datetime) -> PodIdentity:
    if claims.get("iss") != issuer:
        raise InvalidToken("it is of another issuer")
    audiences = claims.get("aud")
    if audiences != AUDIENCE and not (isinstance(audiences, list) and AUDIENCE in audiences):
        raise InvalidToken("it is for another audience")
    moment = now.timestamp()
    if _time(claims, "exp") <= moment:
        raise InvalidToken("it has expired")
    if "nbf" in claims and _time(claims, "nbf") > moment + SKEW_SECONDS:
        raise InvalidToken("it is not valid yet")
    namespace = _bound(claims, "namespace")
    if not str(claims.get("sub", "")).startswith(f"system:serviceaccount:{namespace}:"):
        raise InvalidToken("its subject is in another namespace")
    return PodIdentity(namespace, _bound(claims, "pod", "name"), _bound(claims, "pod", "uid"))


def _time(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"its {name} is no time")
    return value


def _bound(claims: Claims, *path: str) -> str:
    found: Any = claims.get("kubernetes.io")
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str) or not found:
        raise InvalidToken("it is not bound to a pod")
    return found


def _parts(token: str) -> tuple[str, str, str]:
    if len(token) > LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        raise InvalidToken("it is no token")
    head, body, signature = token.split(".")
    return head, body, signature


def _part(text: str) -> Claims:
    try:
        found = json.loads(_raw(text))
    except (ValueError, RecursionError) as error:
        raise InvalidToken("it is no token") from error
    if not isinstance(found, dict):
        raise InvalidToken("it is no token")
    return found


def _raw(text: str) -> bytes:
    try:
        return decoded_base64url(text)
    except ValueError as error:
        raise InvalidToken("it is no token") from error
