"""Logs of runs: how they are stored in S3, and what they say about a failure.

Must not know the cluster or the tables.
"""
