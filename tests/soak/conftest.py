"""The world of the reliability tests, which is a soak in small."""

from tests.aws_of_template import within_its_policy
from tests.reliability.conftest import world

__all__ = ["within_its_policy", "world"]
