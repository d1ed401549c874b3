"""Each run of the tests draws the same: random numbers, ids, secrets and the examples of Hypothesis."""

import os
import random
import re
import secrets
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import SystemRandom
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from jobs_api import ids
from tests import seeds

TESTS: Final = Path(__file__).parents[1]
FILES: Final = {
    file.relative_to(TESTS).as_posix(): file.read_text()
    for file in TESTS.rglob("*.py")
    if "rehearsal" not in file.parts
}
# Calls that make a test depend on chance or on how busy the machine is, each with what to write instead.
FORBIDDEN: Final = {
    r"\bRandom\(\)|\bSystemRandom\(": "give Random a seed",
    r"derandomize=False|deadline=(?!None)\w*timedelta|deadline=\d": "leave it to tests/seeds.py",
    r"suppress_health_check=\[(?![^\]]*too_slow)": "add HealthCheck.too_slow: a busy machine makes examples slowly",
    r"\btimeout=[12]?\d\b": "a minute costs nothing unless something fails, and a busy machine needs it",
}


@pytest.fixture
def seeded(request: pytest.FixtureRequest) -> Iterator[None]:
    """End with the random numbers of this test."""
    yield
    seeds.start(request.node.nodeid)


def drawn() -> list[object]:
    system = SystemRandom()
    return [
        random.random(),  # noqa: S311 - no secret
        secrets.token_urlsafe(),
        secrets.choice(range(10**6)),
        uuid.uuid4(),
        os.urandom(8),
        system.random(),
        ids.new_id(),
    ]


@pytest.mark.usefixtures("seeded")
def test_a_test_draws_the_same_each_time_and_no_other_test_does() -> None:
    of_a_test = []
    for name in ("test_a", "test_a", "test_b"):
        seeds.start(name)
        of_a_test.append(drawn())
    first, again, other = of_a_test

    assert first == again
    assert not [one for one, another in zip(first, other, strict=True) if one == another]


@pytest.mark.usefixtures("seeded")
def test_other_threads_do_not_change_what_a_test_draws() -> None:
    seeds.start("test_a")
    alone = drawn()
    seeds.start("test_a")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(os.urandom, 8).result(60)

    assert drawn() == alone


@pytest.mark.skipif(bool(seeds.SEED), reason="TESTS_SEED asks for other examples")
def test_examples_are_the_same_each_time_whichever_modules_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_get_local_constants", lambda: pytest.fail("it drew from the loaded modules"))
    seen: list[list[int]] = []

    @given(st.integers())
    def example(number: int) -> None:
        seen[-1].append(number)

    for _ in range(2):
        seen.append([])
        example()

    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 50


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_test_depends_on_chance_or_on_a_busy_machine(pattern: str) -> None:
    here = Path(__file__).relative_to(TESTS).as_posix()

    found = [name for name, text in FILES.items() if name != here and re.search(pattern, text)]

    assert found == [], FORBIDDEN[pattern]
