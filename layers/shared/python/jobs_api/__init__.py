"""Scheduled dbt and SQLMesh jobs: the rules, and one module for each outside system."""

import gc

# What a cold start imports stays, and so does most of what a page of a cluster's answer is parsed into. Python would
# look through it for garbage after every 2,000 objects, which takes a tenth of the start and more of a tick.
gc.set_threshold(100_000)
