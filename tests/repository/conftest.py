"""What the checkout says of the service, held against the service."""

from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]
