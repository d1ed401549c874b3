"""The headers and variables of a job after a change: masks that are sent back keep what is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs_api.errors import Fault
from jobs_api.model import variables
from jobs_api.model.stored_secrets import StoredSecrets, displayed, unmask
from jobs_api.redaction.masking import MASK


@dataclass(frozen=True)
class MergedSecrets:
    """The fields `webhook_headers` and `environment` after a change.

    `document` has what is to be validated, `kept` what stays as it is stored, and `keeps_headers` says whether stored
    values of headers stay.
    """

    document: Mapping[str, Any]
    kept: Mapping[str, Any]
    keeps_headers: bool

    def faults_at(self, url: Any, stored: StoredSecrets) -> list[Fault]:
        """Return the fault of headers that stay although the webhook's address is another one now."""
        if not self.keeps_headers or stored.headers_may_go_to(url):
            return []
        return [Fault("webhook_headers", "send the values again: webhook_url has another address now")]


def merged(
    headers: Mapping[str, str] | None,
    environment: Mapping[str, str],
    changes: Mapping[str, Any],
    stored: StoredSecrets,
) -> MergedSecrets:
    """Return what becomes of a job's headers and variables, which have masks for secrets, by the fields that are sent.

    Stored values are opened only if some stay and others do not.
    """
    document: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    sent = changes.get("webhook_headers", headers)
    after = sent if sent == headers else _headers_of(headers, sent, stored)
    if after == headers:
        kept["webhook_headers"] = headers
    else:
        document["webhook_headers"] = after
    document["environment"] = _environment_of(environment, changes, stored)
    if document["environment"] == environment:
        kept["environment"] = environment
        # Its names are checked again; its values were checked when they were sent.
        document["environment"] = {name: "" if value == MASK else value for name, value in environment.items()}
    keeps_headers = bool(headers) and isinstance(sent, dict) and MASK in sent.values()
    return MergedSecrets(document, kept, keeps_headers)


def _headers_of(headers: Mapping[str, str] | None, sent: Any, stored: StoredSecrets) -> Any:
    """Return the sent headers with stored values in place of masks; the stored ones if nothing changes."""
    if not isinstance(sent, dict) or not headers:
        return sent
    if MASK not in sent.values() and sent.keys() != headers.keys():
        return sent
    values = stored.headers()
    clear = unmask(sent, values)
    return headers if clear == values else clear


def _environment_of(environment: Mapping[str, str], changes: Mapping[str, Any], stored: StoredSecrets) -> Any:
    """Return the sent environment with stored values in place of masks; the stored one if nothing changes."""
    sent = changes.get("environment", environment)
    if not isinstance(sent, dict) or sent == displayed(environment) or sent == environment:
        return sent if not isinstance(sent, dict) else environment
    if MASK not in sent.values() and not any(map(variables.is_secret, sent)):
        return sent
    values = stored.environment()
    hidden = stored.sealed_names | set(filter(variables.is_secret, environment))
    clear = {name: values[name] if value == MASK and name in hidden else value for name, value in sent.items()}
    return environment if clear == values else clear
