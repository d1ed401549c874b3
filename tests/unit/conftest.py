"""Tests of what knows no AWS and no cluster: this starts nothing, and nothing here may need what would have to start.

tests/repository/test_unit_tests.py holds that.
"""

import os

# The name of the stack, which marks what a deployment makes in a cluster; elsewhere the template says it.
DEPLOYMENT = "jobs-api"

os.environ.setdefault("DEPLOYMENT", DEPLOYMENT)
