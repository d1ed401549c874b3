"""The transformed template, with its defaults or a test's parameters."""

import pytest

from local.template import Template, read
from tests.aws_of_template import within_its_policy
from tests.functions.people import ROOT

__all__ = ["within_its_policy"]


def with_parameters(**parameters: str) -> Template:
    """Return the transformed template with these parameters."""
    return read(ROOT / "template.yaml", parameters=parameters, cache=ROOT / ".local" / "cache")


@pytest.fixture(scope="session")
def template() -> Template:
    """The transformed template."""
    return with_parameters()
