"""KMS on SQLite: symmetric keys that encrypt and decrypt, bound to a context."""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from local.emulator.database import Database
from local.emulator.errors import AwsError

_NONCE_BYTES = 12
_ID_BYTES = 36


class KMS:
    """The keys of a database; an encrypted text begins with the id of its key."""

    def __init__(self, database: Database) -> None:
        """Start without keys."""
        self._database = database
        self._arns: dict[str, str] = {}

    def install(self, identity: str, arn: str) -> None:
        """Create a key, or keep its material if it exists."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO encryption_keys VALUES (?, ?)", (identity, os.urandom(32)))
        self._arns[identity] = arn

    def __call__(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run an operation by its name; raises AwsError where KMS would refuse it."""
        context = json.dumps(request.get("EncryptionContext") or {}, sort_keys=True).encode()
        match operation:
            case "Encrypt":
                identity = str(request["KeyId"]).rpartition("/")[2]
                nonce = os.urandom(_NONCE_BYTES)
                sealed = self._cipher(identity).encrypt(nonce, base64.b64decode(request["Plaintext"]), context)
                blob = base64.b64encode(identity.encode() + nonce + sealed).decode()
                return {"CiphertextBlob": blob, "KeyId": self._arns[identity]}
            case "Decrypt":
                given = base64.b64decode(request["CiphertextBlob"])
                identity = given[:_ID_BYTES].decode(errors="replace")
                nonce, sealed = given[_ID_BYTES : _ID_BYTES + _NONCE_BYTES], given[_ID_BYTES + _NONCE_BYTES :]
                try:
                    plain = self._cipher(identity).decrypt(nonce, sealed, context)
                except (InvalidTag, ValueError) as error:
                    raise AwsError("InvalidCiphertextException", "") from error
                return {"Plaintext": base64.b64encode(plain).decode(), "KeyId": self._arns[identity]}
            case "ListKeys":
                return {"Keys": [{"KeyId": identity, "KeyArn": arn} for identity, arn in self._arns.items()]}
        raise AwsError("UnknownOperationException", f"{operation} is not known to the laptop's KMS")

    def _cipher(self, identity: str) -> AESGCM:
        if identity not in self._arns:
            raise AwsError("NotFoundException", f"Key {identity} does not exist")
        with self._database.reading() as connection:
            row = connection.execute("SELECT material FROM encryption_keys WHERE id = ?", (identity,)).fetchone()
        return AESGCM(row[0])
