"""The same random numbers in each run of a test, so that what it finds is found in the commit that breaks it.

`make fuzz` draws others, from a seed that it prints.
"""

import os
import random
import threading
from typing import Any

import hypothesis
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.internal.constants_ast import Constants

SEED = os.environ.get("TESTS_SEED", "")
_drawn = random.Random("before the first test")  # noqa: S311 - nothing here is secret, although the code under test believes so
# The embedded cluster and other threads draw whenever they happen to run.
_drawn_beside = random.Random("beside the tests")  # noqa: S311 - as above


def set_up() -> None:
    """Make ids, tokens, keys and the examples of Hypothesis repeatable."""
    # Modules may keep references to both, so both stay as they are for the rest of the process.
    os.urandom = _draw
    # The function that `secrets` and `SystemRandom` call.
    random._urandom = _draw  # type: ignore[attr-defined]
    # An example has 200 ms of the clock by default, and a second to be made, which a busy machine exceeds.
    common: Any = {
        "deadline": None,
        "database": None,
        "print_blob": True,
        "suppress_health_check": [hypothesis.HealthCheck.too_slow],
    }
    hypothesis.settings.register_profile("repeated", derandomize=True, **common)
    hypothesis.settings.register_profile("explored", max_examples=1000, **common)
    hypothesis.settings.load_profile("explored" if SEED else "repeated")
    if not SEED:
        # Hypothesis draws one example in twenty from the constants of all loaded modules, and which are loaded depends
        # on the tests before.
        HypothesisProvider._local_constants = Constants()  # type: ignore[assignment]


def start(test: str) -> None:
    """Begin the random numbers of a test or of its fixtures; no two tests draw the same ids."""
    _drawn.seed(f"{SEED} {test}")
    random.seed(f"jitter {SEED} {test}")


def _draw(size: int) -> bytes:
    is_test = threading.current_thread() is threading.main_thread()
    return (_drawn if is_test else _drawn_beside).randbytes(size)
