"""AWS for tests that need one: moto in this process with the resources of template.yaml, started once.

It starts when this file is imported, since the tables' names have to stand in the environment before `jobs_api.store`
is imported anywhere. So the conftest.py of each folder that needs it imports the two fixtures below before all else.
Tests do not clean up: each has organizations of its own.
"""

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import LocalAws
from local.template import read
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
    """What the functions asked for so far, in this process."""
    return RECORDER


@pytest.fixture(autouse=True)
def within_its_policy() -> Iterator[None]:
    """Fail a test in which a function asks AWS for what the template does not let it."""
    yield
    assert not RECORDER.take_refused()
