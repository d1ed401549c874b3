"""AWS for tests that need one: moto in this process with the resources of template.yaml, started once.

It starts when this file is imported, because the environment must have the tables' names before anything imports
`jobs_api.store`. So the conftest.py of each folder that needs it imports the two fixtures below first. Tests do not
clean up, because each has its own organizations.
"""

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.template import read
from tests.fast_moto.aws import LocalAws
from tests.permissions.recording import Recorder

ROOT = Path(__file__).parent.parent

_template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
_aws = LocalAws(_template)
_aws.__enter__()
atexit.register(_aws.__exit__, None, None, None)
RECORDER = Recorder(_template)
RECORDER.start()


@pytest.fixture(scope="session")
def recorder() -> Recorder:
    """The calls that functions have made in this process."""
    return RECORDER


@pytest.fixture(autouse=True)
def within_its_policy() -> Iterator[None]:
    """Fail a test in which a function makes a call that the template does not allow."""
    yield
    assert not RECORDER.take_refused()
