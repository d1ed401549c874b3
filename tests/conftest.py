"""AWS for all tests: moto in this process with the resources of template.yaml, started once.

It starts when this file is imported, since the tables' names have to stand in the environment before `jobs_api.store`
is imported anywhere. Tests do not clean up: each has organizations of its own.
"""

import atexit
from pathlib import Path

from local.aws import LocalAws
from local.template import read

ROOT = Path(__file__).parent.parent

_aws = LocalAws(read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache"))
_aws.__enter__()
atexit.register(_aws.__exit__, None, None, None)
