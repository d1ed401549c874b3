"""GET /console, /docs and /openapi.json: the pages for people and the API's document, for anyone and without a token.

The files are in `site/`, which `python -m deploy.console` makes, with the headers of each in `site/manifest.json`. This
module imports the standard library only, so that a cold start waits for nothing. A page is the same for everyone:
its scripts request its content from the API, with the token of the user.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

type Answer = dict[str, Any]

SITE: Final = Path(__file__).parent / "site"
# The build writes it where the address of the API goes.
_SERVER: Final = "@server@"
_DOCUMENT: Final = "openapi.json"


def lambda_handler(event: dict[str, Any], _: object) -> Answer:
    """Answer a request of the REST API's proxy integration: 200, 304, 404, or a redirect to the page."""
    name = _name(event)
    # With the stage, or a custom domain's base path, before the route.
    path: str = event["requestContext"]["path"]
    before = path.rstrip("/").removesuffix(name).rstrip("/")
    if not name:
        return _redirect(f"{before}/console")
    manifest = SITE / "manifest.json"
    # Read each time: on a laptop the pages change, and to read it takes a tenth of a millisecond.
    files: dict[str, dict[str, str]] = json.loads(manifest.read_text()) if manifest.exists() else {}
    if name not in files:
        return _not_found(event, built=bool(files))
    if path.endswith("/"):
        # The addresses in a page are relative to /console, not to /console/.
        return _redirect(f"{before}/{name}")
    headers, body = files[name], _content(name)
    if name == _DOCUMENT:
        body = body.replace(_SERVER, before or "/")
        headers = {**headers, "ETag": f'W/"{hashlib.sha256(body.encode()).hexdigest()[:20]}"'}
    if _is_known(event, headers["ETag"]):
        return {"statusCode": 304, "headers": headers, "body": ""}
    return {"statusCode": 200, "headers": headers, "body": body}


def _name(event: dict[str, Any]) -> str:
    """Return the file that a request is for, as the manifest names it; "" for the API's own address."""
    path = (event.get("pathParameters") or {}).get("path") or ""
    resource: str = event["resource"]
    return resource.replace("{path+}", path).strip("/")


def _content(name: str) -> str:
    """Return a file's text; a page lies beside the folder of its name."""
    return (SITE / (name if "." in name else f"{name}.html")).read_text()


def _is_known(event: dict[str, Any], etag: str) -> bool:
    """Return whether the client has the file. By RFC 9110, a weak tag and a strong one are the same here."""
    given = [
        tag.strip().removeprefix("W/")
        for name, values in (event.get("multiValueHeaders") or {}).items()
        if name.lower() == "if-none-match"
        for value in values
        for tag in value.split(",")
    ]
    return etag.removeprefix("W/") in given or "*" in given


def _redirect(to: str) -> Answer:
    headers = {"Location": to, "Cache-Control": "no-cache", "Content-Type": "text/plain"}
    return {"statusCode": 302, "headers": headers, "body": ""}


def _not_found(event: dict[str, Any], *, built: bool) -> Answer:
    message = "There is no such page or file" if built else "The pages were not built: run make console"
    problem = {"message": message, "code": "not_found", "request_id": event["requestContext"]["requestId"]}
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return {"statusCode": 404, "headers": headers, "body": json.dumps(problem)}
