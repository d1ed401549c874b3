"""Encrypts the few secrets that the tables hold, with a KMS key that never leaves KMS.

KMS encrypts the secrets themselves and not a data key: they are short, so functions need no cryptography of their own,
and CloudTrail records each decryption. Secrets Manager would be a second store, which could not be written in one step
with the table, and which charges for each secret and month.
"""

import binascii
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from jobs_api.aws.clients import BotoCoreError, ClientError, client
from jobs_api.recent import Recent

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html
SEALED_AT_ONCE_BYTES: Final = 4096

# After a key was disabled, processes use the secrets that it had decrypted for no longer than this.
KEPT_SECONDS: Final = 3600


class CannotOpen(Exception):
    """KMS does not decrypt a sealed value: not now, not for this function, or not in this context."""


def seal(secret: str, **context: str) -> str:
    """Encrypt a secret; one call for each 4 KiB.

    Args:
        secret: any text.
        context: what the secret belongs to, such as `job_id`; decrypting needs the same context, and CloudTrail shows
        it.
    """
    data = secret.encode()
    parts = [data[at : at + SEALED_AT_ONCE_BYTES] for at in range(0, len(data), SEALED_AT_ONCE_BYTES)]
    sealed = [_sealed(part, _context(context, at, len(parts))) for at, part in enumerate(parts)]
    return ".".join(sealed)


def unseal(sealed: str, **context: str) -> str:
    """Decrypt what `seal` made for this context, usually from a cache after the first time. Raises CannotOpen."""
    parts = sealed.split(".")
    contexts = [tuple(sorted(_context(context, at, len(parts)).items())) for at in range(len(parts))]
    return b"".join(_unsealed(part, part_context) for part, part_context in zip(parts, contexts, strict=True)).decode()


def _context(context: Mapping[str, str], at: int, parts: int) -> dict[str, str]:
    # The context includes the number of the part; otherwise parts could be exchanged.
    return {**context, "part": f"{at + 1}/{parts}"}


def _sealed(part: bytes, context: dict[str, str]) -> str:
    answer = _client().encrypt(KeyId=os.environ["SECRETS_KEY"], Plaintext=part, EncryptionContext=context)
    return b64encode(answer["CiphertextBlob"]).decode()


def _unsealed(part: str, context: tuple[tuple[str, str], ...]) -> bytes:
    return _opened.get((part, context))


def _decrypted(sealed: tuple[str, tuple[tuple[str, str], ...]]) -> bytes:
    part, context = sealed
    try:
        answer = _client().decrypt(
            KeyId=os.environ["SECRETS_KEY"], CiphertextBlob=b64decode(part), EncryptionContext=dict(context)
        )
    except (BotoCoreError, ClientError, binascii.Error) as error:
        raise CannotOpen(str(error)) from error
    return answer["Plaintext"]


_opened: Final = Recent(_decrypted, KEPT_SECONDS, most=4096)


def _client() -> "KMSClient":
    return client("kms")
