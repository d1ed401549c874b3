"""Compares documents and files of the repository with the service."""

from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]
