"""The world of the reliability tests, which is a soak in small."""

from tests.reliability.conftest import world as world  # noqa: PLC0414 - a fixture is found by its name
