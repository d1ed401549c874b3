"""The live view of the cluster's Jobs that `GET /jobs` answers with.

Must not change anything, neither in the cluster nor in the tables.
"""
