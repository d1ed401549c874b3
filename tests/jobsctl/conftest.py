"""The organization in the embedded cluster, for commands on runs."""

from tests.aws_of_template import within_its_policy
from tests.functions.conftest import acme

__all__ = ["acme", "within_its_policy"]
