"""Secrets Manager on SQLite; each secret has one version."""

import json
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any

from local.emulator.database import Database
from local.emulator.errors import AwsError
from local.intrinsics import ACCOUNT, REGION

_STAGE = "AWSCURRENT"


class SecretsManager:
    """The secrets of a database."""

    def __init__(self, database: Database) -> None:
        """Use the secrets in the database."""
        self._database = database

    def __call__(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run an operation by its name; raises AwsError where Secrets Manager would refuse it."""
        match operation:
            case "CreateSecret":
                return self._create(request["Name"], request)
            case "PutSecretValue" | "UpdateSecret":
                return self._put(request["SecretId"], request)
            case "GetSecretValue":
                arn, name, version, value, at = self._row(request["SecretId"])
                about = {"ARN": arn, "Name": name, "VersionId": version, "VersionStages": [_STAGE], "CreatedDate": at}
                return {**about, **json.loads(value)}
            case "DescribeSecret":
                arn, name, version, _, at = self._row(request["SecretId"])
                return {"ARN": arn, "Name": name, "VersionIdsToStages": {version: [_STAGE]}, "CreatedDate": at}
            case "DeleteSecret":
                arn, name, *_ = self._row(request["SecretId"])
                with self._database.writing() as connection:
                    connection.execute("DELETE FROM secrets WHERE arn = ?", (arn,))
                return {"ARN": arn, "Name": name, "DeletionDate": time.time()}
            case "ListSecrets":
                with self._database.reading() as connection:
                    rows = connection.execute("SELECT arn, name, at FROM secrets ORDER BY name").fetchall()
                return {"SecretList": [{"ARN": arn, "Name": name, "CreatedDate": at} for arn, name, at in rows]}
        raise AwsError("UnknownOperationException", f"{operation} is not known to the laptop's Secrets Manager")

    def _create(self, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{secrets.token_hex(3)}"
        version = str(uuid.uuid4())
        with self._database.writing() as connection:
            if connection.execute("SELECT 1 FROM secrets WHERE name = ?", (name,)).fetchone():
                reason = f"The operation failed because the secret {name} already exists."
                raise AwsError("ResourceExistsException", reason)
            row = (name, arn, version, _content(request), time.time())
            connection.execute("INSERT INTO secrets VALUES (?, ?, ?, ?, ?)", row)
        return {"ARN": arn, "Name": name, "VersionId": version}

    def _put(self, identity: str, request: Mapping[str, Any]) -> dict[str, Any]:
        arn, name, *_ = self._row(identity)
        version = str(uuid.uuid4())
        with self._database.writing() as connection:
            values = (version, _content(request), time.time(), arn)
            connection.execute("UPDATE secrets SET version = ?, value = ?, at = ? WHERE arn = ?", values)
        return {"ARN": arn, "Name": name, "VersionId": version, "VersionStages": [_STAGE]}

    def _row(self, identity: str) -> tuple[str, str, str, str, float]:
        statement = "SELECT arn, name, version, value, at FROM secrets WHERE name = ?1 OR arn = ?1"
        with self._database.reading() as connection:
            row: tuple[str, str, str, str, float] | None = connection.execute(statement, (identity,)).fetchone()
        if row is None:
            raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return row


def _content(request: Mapping[str, Any]) -> str:
    return json.dumps({name: request[name] for name in ("SecretString", "SecretBinary") if name in request})
