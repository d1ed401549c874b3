"""The secrets of a stored job: which of its values are sealed, and what a mask that comes back stands for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs_api.model import variables
from jobs_api.model.webhook_url import check_webhook_url, origin_of
from jobs_api.redaction.masking import MASK


@dataclass(frozen=True)
class StoredSecrets:
    """The secrets of a stored job, opened when they are used.

    `sealed_names` are its variables that are sealed, `headers_for` is the origin that its headers were given for.
    """

    headers: Callable[[], Mapping[str, str]]
    environment: Callable[[], Mapping[str, str]]
    sealed_names: set[str]
    headers_for: str | None

    def headers_may_go_to(self, url: Any) -> bool:
        """Return whether the headers may be sent to a URL: its origin is theirs, or another rule rejects the text."""
        try:
            return not isinstance(url, str) or origin_of(check_webhook_url(url)) == self.headers_for
        except ValueError:
            return True


def displayed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables as answers show them: with masks for secrets."""
    return {name: MASK if variables.is_secret(name) else value for name, value in environment.items()}


def sealed_names(sealed_environment: str | None) -> set[str]:
    """Return which variables are sealed; their names are stored with the sealed values."""
    return set(sealed_environment.partition(":")[0].split(",")) if sealed_environment else set()


def unmask(headers: dict[str, Any], stored: Mapping[str, str]) -> dict[str, Any]:
    """Put stored values where the mask came back; header names match in any case."""
    by_name = {name.lower(): value for name, value in stored.items()}
    return {name: by_name.get(name.lower(), MASK) if value == MASK else value for name, value in headers.items()}
