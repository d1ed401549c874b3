"""The AWS of the tests: it is what these tests are about."""

from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]
