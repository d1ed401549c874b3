"""Checks RS256 signatures: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2).

Only public numbers are used, so there is nothing to protect from timing. The whole encoded message is made again and
compared, and nothing of the one in the signature is parsed: lenient parsing is how such checks were deceived.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

# DigestInfo of SHA-256, RFC 8017, 9.2, note 1.
_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")
# With fewer than 2048 bits a signature can be forged; with more than 8192 the check takes long, and nobody uses such a
# key.
_BITS: Final = range(2048, 8193)
_LARGEST_EXPONENT: Final = 1 << 33


def decoded_base64url(text: str) -> bytes:
    """Read base64url without padding; raises ValueError."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error


@dataclass(frozen=True)
class PublicKey:
    """An RSA key's modulus and exponent."""

    modulus: int
    exponent: int

    @classmethod
    def of(cls, key: Mapping[str, object]) -> Self | None:
        """Read a JSON Web Key; None for one that is not for RS256 signatures, or too weak."""
        n, e = key.get("n"), key.get("e")
        named = key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and key.get("alg", "RS256") == "RS256"
        if not (named and isinstance(n, str) and isinstance(e, str)):
            return None
        try:
            modulus, exponent = int.from_bytes(decoded_base64url(n)), int.from_bytes(decoded_base64url(e))
        except ValueError:
            return None
        is_sound = modulus.bit_length() in _BITS and 3 <= exponent < _LARGEST_EXPONENT and exponent % 2
        return cls(modulus, exponent) if is_sound else None

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Return whether the key's owner signed a message."""
        size = (self.modulus.bit_length() + 7) // 8
        number = int.from_bytes(signature)
        if len(signature) != size or number >= self.modulus:
            return False
        digest_info = _SHA256 + hashlib.sha256(message).digest()
        expected = b"\x00\x01" + b"\xff" * (size - len(digest_info) - 3) + b"\x00" + digest_info
        return pow(number, self.exponent, self.modulus).to_bytes(size) == expected
