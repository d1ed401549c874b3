"""Which server, which token and which project: from the environment, else from what `jobs-api login` stored."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from jobs_cli.errors import CommandFailed

BASE_PATH = "/api/v1"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Configuration:
    """`url` has no `/api/v1`; `project` is a name or an id, and the project where a command names none."""

    url: str
    # Kept out of tracebacks and logs.
    token: str = field(repr=False)
    project: str | None = None


def configuration_file() -> Path:
    """Return where `jobs-api login` stores its answers, under the user's own configuration folder.

    Raises:
        CommandFailed: the user has none.
    """
    chosen = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification of this variable says so; and a token must not lie in whatever the current folder is.
    if Path(chosen).is_absolute():
        folder = Path(chosen)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or _home() / "AppData/Roaming")
    else:
        folder = _home() / ".config"
    return folder / "jobs-api" / "login.json"


def load() -> Configuration:
    """Return the configuration of this call.

    A stored token is only used for the address it was stored with: `JOBS_API_URL` alone never sends it elsewhere.

    Raises:
        CommandFailed: no address or no token is known, or one of them cannot be used.
    """
    stored = _stored_if_needed()
    url = os.environ.get("JOBS_API_URL") or stored.get("url")
    if not url:
        raise CommandFailed("Which server? Run `jobs-api login`, or set JOBS_API_URL and JOBS_API_TOKEN")
    address = checked_url(url)
    token = os.environ.get("JOBS_API_TOKEN")
    if not token and address == stored.get("url"):
        token = stored.get("token")
    if not token:
        raise CommandFailed(
            f"No token is known for {address}. Run `jobs-api login --url {address}`, or set JOBS_API_TOKEN"
        )
    project = os.environ.get("JOBS_PROJECT") or (stored.get("project") if address == stored.get("url") else None)
    return Configuration(address, checked_token(token), project)


def store(configuration: Configuration) -> Path:
    """Store the answers of `jobs-api login` in a file that only this user can read; returns the file.

    Raises:
        CommandFailed: it cannot be written.
    """
    content = {"url": configuration.url, "token": configuration.token, "project": configuration.project}
    file = configuration_file()
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        # The file is private from its first byte on. The rename replaces an older file, which may not have been.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({name: value for name, value in content.items() if value}, stream)
        unfinished.replace(file)
    except OSError as error:
        hint = "JOBS_API_URL and JOBS_API_TOKEN work without it"
        raise CommandFailed(f"{file} cannot be written ({error}); {hint}") from error
    return file


def forget() -> bool:
    """Remove what `jobs-api login` stored; returns whether there was something.

    Raises:
        CommandFailed: it cannot be removed.
    """
    file = configuration_file()
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CommandFailed(f"{file} cannot be removed: {error}") from error
    return True


def checked_url(url: str) -> str:
    """Return an address without a trailing slash and without `/api/v1`.

    Raises:
        CommandFailed: it is no http or https address, or contains a user name or a query.
    """
    address = url.strip().rstrip("/").removesuffix(BASE_PATH)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise CommandFailed(f"JOBS_API_URL must be an address such as https://jobs.example.com, not {url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise CommandFailed(
            "JOBS_API_URL must hold no user name, password, query or fragment; the token goes elsewhere"
        )
    return address


def checked_token(token: str) -> str:
    """Return a token without the white space around it.

    Raises:
        CommandFailed: it is empty, or contains what no header can.
    """
    text = token.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise CommandFailed("A token is one word such as jat_...; this one is empty or contains other characters")
    return text


def sends_in_clear(url: str) -> bool:
    """Return whether a token sent there can be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise CommandFailed("This user has no home folder: set JOBS_API_URL and JOBS_API_TOKEN, or HOME") from error


def _stored_if_needed() -> dict[str, str]:
    """Return what is stored; if the variables are enough, a file that cannot be read is as good as none.

    In a container, HOME is often another user's folder, or there is none.
    """
    try:
        return _stored()
    except CommandFailed:
        if os.environ.get("JOBS_API_URL") and os.environ.get("JOBS_API_TOKEN"):
            return {}
        raise


def _stored() -> dict[str, str]:
    file = configuration_file()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{file} cannot be read ({error}). Run `jobs-api login` again") from error
    if not isinstance(content, dict):
        raise CommandFailed(f"{file} is not what `jobs-api login` writes. Run `jobs-api login` again")
    return {name: value for name, value in content.items() if isinstance(value, str)}
