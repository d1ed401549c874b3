"""The embedded cluster's organization, for commands on what runs."""

from tests.functions.conftest import acme

__all__ = ["acme"]
