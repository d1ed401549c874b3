"""Which keys and signatures are refused before anything is computed with them."""

import base64
import hashlib

import pytest

from jobs_api.auth.rsa_signatures import PublicKey

KEY = PublicKey(modulus=(1 << 2047) | 1, exponent=65537)
# RFC 8017, 9.2: the encoding of a message for a key of 2048 bits.
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(b"message").digest()
ENCODED = b"\x00\x01" + b"\xff" * 202 + b"\x00" + DIGEST_INFO


def read(modulus: int, exponent: int) -> PublicKey | None:
    n, e = (
        base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()
        for number in (modulus, exponent)
    )
    return PublicKey.of({"kty": "RSA", "n": n, "e": e})


@pytest.mark.parametrize("signature", [b"", b"\x01" * 255, b"\x01" * 257, b"\xff" * 256, KEY.modulus.to_bytes(256)])
def test_a_signature_of_another_length_or_beyond_the_modulus_is_refused(signature: bytes) -> None:
    assert KEY.signed(b"message", signature) is False


def test_a_signature_has_one_form_only() -> None:
    """With an exponent of 1 the encoded message is its own signature, and the modulus more would give the same."""
    key = PublicKey(KEY.modulus, exponent=1)

    assert key.signed(b"message", ENCODED)
    assert not key.signed(b"message", (int.from_bytes(ENCODED) + KEY.modulus).to_bytes(256))
    assert not key.signed(b"another", ENCODED)


@pytest.mark.parametrize(("bits", "is_used"), [(2047, False), (2048, True), (8192, True), (8193, False)])
def test_a_key_has_2048_bits_at_least_and_8192_at_most(bits: int, *, is_used: bool) -> None:
    assert (read((1 << (bits - 1)) | 1, 65537) is not None) is is_used


@pytest.mark.parametrize(
    ("exponent", "is_used"), [(1, False), (2, False), (3, True), (65536, False), (65537, True), ((1 << 33) + 1, False)]
)
def test_an_exponent_is_odd_from_3_to_33_bits(exponent: int, *, is_used: bool) -> None:
    assert (read(KEY.modulus, exponent) is not None) is is_used
