"""Tokens of service accounts: signed here for Pods, and checked by others with the issuer's public keys.

They have the claims that TokenRequest writes; the public keys are served as an OpenID provider serves them.
https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
"""

import base64
import hashlib
import json
import uuid
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local import private_files

type Object = dict[str, Any]

ISSUER: Final = "https://kubernetes.default.svc"
JWKS_PATH: Final = "/openid/v1/jwks"
_EXPONENT, _BITS = 65537, 2048


class TokenIssuer:
    """Signs tokens with one RSA key, made when the first token or key is asked for.

    `kept_in` is the file of the key, which the next cluster reads again; without it each cluster has another key.
    """

    def __init__(self, kept_in: Path | None = None) -> None:
        self._kept_in = kept_in

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        if self._kept_in and self._kept_in.exists():
            return _read(self._kept_in)
        key = rsa.generate_private_key(_EXPONENT, _BITS)
        if self._kept_in:
            form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            private_files.folder(self._kept_in.parent)
            private_files.write(self._kept_in, key.private_bytes(serialization.Encoding.PEM, *form))
        return key

    @cached_property
    def key_id(self) -> str:
        """Return the key's id, as keyIDFromPublicKey of pkg/serviceaccount/jwt.go derives it."""
        form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return _base64(hashlib.sha256(self._key.public_key().public_bytes(*form)).digest())

    def token(self, pod: Object, account: Object, audience: str, seconds: int, now: datetime) -> str:
        """Return a token of a service account that is bound to a Pod; `seconds` is how long it is valid."""
        metadata = pod["metadata"]
        name = account["metadata"]["name"]
        claims = {
            "aud": [audience or ISSUER],
            "exp": int((now + timedelta(seconds=seconds)).timestamp()),
            "iat": int(now.timestamp()),
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": metadata["namespace"],
                "pod": {"name": metadata["name"], "uid": metadata["uid"]},
                "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
            },
            "nbf": int(now.timestamp()),
            "sub": f"system:serviceaccount:{metadata['namespace']}:{name}",
        }
        return self.signed({"alg": "RS256", "kid": self.key_id}, claims)

    def signed(self, header: Object, claims: Object) -> str:
        """Return a JSON Web Token, signed with RS256 whatever its header says."""
        signed = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{signed}.{_base64(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def keys(self) -> Object:
        """Return the public key as a set of JSON Web Keys."""
        numbers = self._key.public_key().public_numbers()
        key = {"use": "sig", "kty": "RSA", "kid": self.key_id, "alg": "RS256"}
        return {"keys": [{**key, "n": _number(numbers.n), "e": _number(numbers.e)}]}

    def configuration(self, url: str) -> Object:
        """Return the OpenID provider's configuration, with the keys at the API server's address `url`."""
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{url}{JWKS_PATH}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }


def _read(path: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path} is not an RSA key")
    return key


def _number(number: int) -> str:
    return _base64(number.to_bytes((number.bit_length() + 7) // 8))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
