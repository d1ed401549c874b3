"""Measures the service and compares it with budgets: `make bench`, or one with `python -m benchmarks.<name>`."""

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PATH = [str(_ROOT / "layers" / "shared" / "python"), str(_ROOT)]
# The Makefile and pytest set this too. It is set here so that each benchmark also runs by itself; child processes
# inherit it.
sys.path[:0] = [path for path in _PATH if path not in sys.path]
os.environ["PYTHONPATH"] = os.pathsep.join(_PATH)
