"""A signature that cannot be the key's is refused before anything is computed with it."""

import pytest

from jobs_api.auth.rsa_signatures import PublicKey

KEY = PublicKey(modulus=(1 << 2047) | 1, exponent=65537)


@pytest.mark.parametrize("signature", [b"", b"\x01" * 255, b"\x01" * 257, b"\xff" * 256, KEY.modulus.to_bytes(256)])
def test_a_signature_of_another_length_or_beyond_the_modulus_is_refused(signature: bytes) -> None:
    assert KEY.signed(b"message", signature) is False
