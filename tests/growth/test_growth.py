"""Code that reads users' texts takes time in proportion to their length, for any content."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api.logs.excerpt import excerpt, remarks, telling_line
from jobs_api.redaction.masking import is_secret_name, masked, secret_values
from tests.growth.growth import UNITS, is_linear, repeated

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("unit", UNITS)
def test_masking_grows_no_faster_than_the_text(unit: str) -> None:
    assert is_linear(masked, repeated(unit))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("read", [excerpt, telling_line, remarks])
def test_reading_a_log_grows_no_faster_than_the_log(read: Callable[[str], object], unit: str) -> None:
    assert is_linear(read, repeated(unit))


@pytest.mark.parametrize("read", [masked, excerpt])
def test_no_character_of_ascii_makes_either_grow_faster(read: Callable[[str], object]) -> None:
    slow = [chr(code) for code in range(128) if not is_linear(read, repeated(chr(code)))]

    assert slow == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(UNITS), min_size=1, max_size=5).map("".join))
def test_masking_grows_no_faster_than_any_mixture(unit: str) -> None:
    assert is_linear(masked, repeated(unit))


@pytest.mark.parametrize("unit", ["a", "A", "_", "token", "key", "pass", "api_", "dbPass"])
def test_a_name_is_judged_in_time_that_grows_no_faster_than_the_name(unit: str) -> None:
    assert is_linear(is_secret_name, repeated(unit))


def test_masking_grows_no_faster_with_known_secrets() -> None:
    secrets = ["a" * length for length in range(6, 40)]

    assert is_linear(lambda text: masked(text, secrets), repeated("a"))


def test_the_longest_environment_is_read_at_once() -> None:
    assert secret_values({"A" * 32_000: "x" * 10, "a" * 31_000 + "TOKEN": "hunter22"}) == ["hunter22"]
