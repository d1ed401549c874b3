"""Packages of jobs_api against the AWS and the cluster that they use."""

from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]
