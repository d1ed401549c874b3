"""What reads texts, some of it in modules that know the tables."""

from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]
