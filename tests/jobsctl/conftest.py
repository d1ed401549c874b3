"""The embedded cluster's organization, for commands on what runs."""

from tests.aws_of_template import within_its_policy
from tests.functions.conftest import acme

__all__ = ["acme", "within_its_policy"]
