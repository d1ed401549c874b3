"""Functions that read texts; some are in modules that use the tables."""

from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]
