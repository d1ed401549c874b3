"""An authorizer that records its calls and decides by the word in the token."""

from typing import Any

asked: list[str] = []


def lambda_handler(event: dict[str, Any], _: object) -> Any:
    """Answer by the word in the token."""
    token = event.get("authorizationToken") or event["headers"]["X-User"]
    asked.append(token)
    word = token.removeprefix("Bearer ")
    if word == "nobody":
        raise PermissionError("Unauthorized")
    if word == "broken":
        raise RuntimeError("the database is down")
    if word == "nonsense":
        return {"context": {}}
    api, _, _ = event["methodArn"].partition("/")
    effect, resource = ("Deny", "*") if word == "banned" else ("Allow", f"{api}/*/GET/*")
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    return {
        "principalId": word,
        "usageIdentifierKey": word,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"name": word, "number": 7, "flag": True, "asked": len(asked)},
    }
