"""Tests packages of jobs_api with an AWS and a cluster."""

from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]
