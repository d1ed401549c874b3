"""API Gateway's API keys on SQLite, and the one usage plan to which they belong."""

import hashlib
import json
import secrets
import string
import time
from collections.abc import Mapping
from typing import Any

from local.emulator.database import Database
from local.emulator.errors import AwsError

_LETTERS = string.ascii_lowercase + string.digits


class ApiGateway:
    """The keys of a database, served by the method and path of HTTP requests."""

    def __init__(self, database: Database) -> None:
        """Use the keys in the database."""
        self._database = database
        self._plans: dict[str, str] = {}

    def install(self, plan: str, name: str) -> None:
        """Create a usage plan, unless it exists."""
        self._plans[plan] = name

    def have_key(self, plan: str, name: str, value: str) -> None:
        """Create a key with this value in a plan, unless it exists."""
        identity = hashlib.sha256(value.encode()).hexdigest()[:10]
        row = (identity, name, value, json.dumps({"enabled": True}), time.time())
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO api_keys VALUES (?, ?, ?, ?, ?)", row)
            connection.execute(
                "INSERT OR IGNORE INTO plan_keys SELECT ?, id FROM api_keys WHERE value = ?", (plan, value)
            )

    def knows(self, plan: str, value: str) -> bool:
        """Return whether a plan has a key with this value."""
        statement = "SELECT 1 FROM plan_keys JOIN api_keys ON api_keys.id = plan_keys.key WHERE plan = ? AND value = ?"
        with self._database.reading() as connection:
            return connection.execute(statement, (plan, value)).fetchone() is not None

    def __call__(self, method: str, path: str, query: Mapping[str, str], request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a REST request; raises AwsError where API Gateway would refuse it."""
        match method, path.strip("/").split("/"):
            case "POST", ["apikeys"]:
                return self.create_key(request)
            case "GET", ["apikeys"]:
                return {"item": self._keys("SELECT * FROM api_keys", query)}
            case "DELETE", ["apikeys", identity]:
                self._delete(identity)
                return {}
            case "GET", ["usageplans"]:
                return {"item": [{"id": plan, "name": name} for plan, name in self._plans.items()]}
            case "POST", ["usageplans", plan, "keys"]:
                return self.add(self._checked_plan(plan), request["keyId"])
            case "GET", ["usageplans", plan, "keys"]:
                statement = (
                    "SELECT api_keys.* FROM api_keys JOIN plan_keys ON plan_keys.key = api_keys.id AND plan = :plan"
                )
                return {
                    "item": self._keys(statement, {**query, "plan": self._checked_plan(plan), "includeValues": "true"})
                }
        raise AwsError("NotFoundException", f"{method} {path} is not known to the laptop's API Gateway", 404)

    def create_key(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a key."""
        identity = "".join(secrets.choice(_LETTERS) for _ in range(10))
        value = request.get("value") or "".join(secrets.choice(_LETTERS) for _ in range(40))
        about = json.dumps({name: request[name] for name in ("description", "enabled") if name in request})
        row = (identity, request.get("name", ""), value, about, time.time())
        with self._database.writing() as connection:
            if connection.execute("SELECT 1 FROM api_keys WHERE value = ?", (value,)).fetchone():
                raise AwsError("ConflictException", "API Key already exists", 409)
            connection.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?)", row)
        return _answer_of_key(row, shown=True)

    def add(self, plan: str, key: str) -> dict[str, Any]:
        """Add a key to a plan."""
        with self._database.writing() as connection:
            row = connection.execute("SELECT * FROM api_keys WHERE id = ?", (key,)).fetchone()
            if row is None:
                raise AwsError("NotFoundException", "Invalid API Key identifier specified", 404)
            if connection.execute("SELECT 1 FROM plan_keys WHERE plan = ? AND key = ?", (plan, key)).fetchone():
                raise AwsError("ConflictException", "The key is in the usage plan already", 409)
            connection.execute("INSERT INTO plan_keys VALUES (?, ?)", (plan, key))
        return _answer_of_key(row, shown=True)

    def _keys(self, statement: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        values = {"prefix": query.get("name", ""), "plan": query.get("plan", "")}
        # All keys are on one page, so no marker for a second page is returned.
        where = " WHERE substr(name, 1, length(:prefix)) = :prefix ORDER BY at, id"
        with self._database.reading() as connection:
            rows = connection.execute(statement + where, values).fetchall()
        return [_answer_of_key(row, shown=query.get("includeValues") == "true") for row in rows]

    def _delete(self, identity: str) -> None:
        with self._database.writing() as connection:
            if not connection.execute("DELETE FROM api_keys WHERE id = ?", (identity,)).rowcount:
                raise AwsError("NotFoundException", "Invalid API Key identifier specified", 404)
            connection.execute("DELETE FROM plan_keys WHERE key = ?", (identity,))

    def _checked_plan(self, plan: str) -> str:
        if plan not in self._plans:
            raise AwsError("NotFoundException", "Invalid Usage Plan ID specified", 404)
        return plan


def _answer_of_key(row: tuple[str, str, str, str, float], *, shown: bool) -> dict[str, Any]:
    identity, name, value, about, at = row
    told = {"id": identity, "name": name, "createdDate": at, **json.loads(about)}
    return {**told, "value": value, "type": "API_KEY"} if shown else told
