"""Tests of code without AWS and a cluster: this starts nothing, and no test here may need something that starts.

tests/repository/test_unit_tests.py checks that.
"""

import os

# The deployment's name, which labels its objects in a cluster; in other tests it comes from the template.
DEPLOYMENT = "jobs-api"

os.environ.setdefault("DEPLOYMENT", DEPLOYMENT)
