"""AWS for tests that need one: moto in this process with the resources of template.yaml, started once.

It starts when this file is imported, because the environment must have the tables' names before anything imports
`jobs_api.store`. So the conftest.py of each folder that needs it imports the two fixtures below first. Tests do not
clean up, because each has its own organizations. After each file its rows are removed: moto's Query of an index reads
all rows of the table, so each file would take longer the more files went before.
"""

import atexit
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from local.intrinsics import REGION
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
_kept: dict[str, set[int]] = {}


def remove_rows() -> None:
    """Remove the rows of all tables, but for those that there were at the first call, before the first test."""
    from moto.dynamodb.models import dynamodb_backends  # noqa: PLC0415 - it takes long to import

    stored: Any = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables
    first = not _kept
    for table in [stored[one.name] for one in _template.resources("AWS::DynamoDB::Table")]:
        if first:
            _kept[table.name] = {id(item) for item in table.all_items()}
            continue
        kept = [item for item in table.all_items() if id(item) in _kept[table.name]]
        table.items.clear()
        for item in kept:
            place, key = (
                (table.items[item.hash_key], item.range_key) if item.range_key else (table.items, item.hash_key)
            )
            place[key] = item


@pytest.fixture(scope="session")
def recorder() -> Recorder:
    """The calls that functions have made in this process."""
    return RECORDER


@pytest.fixture(autouse=True)
def within_its_policy() -> Iterator[None]:
    """Fail a test in which a function makes a call that the template does not allow."""
    yield
    assert not RECORDER.take_refused()
