"""The template as it is deployed with its defaults."""

import pytest

from local.template import Template, read
from tests.functions.cast import ROOT


@pytest.fixture(scope="session")
def template() -> Template:
    """The transformed template."""
    return read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
