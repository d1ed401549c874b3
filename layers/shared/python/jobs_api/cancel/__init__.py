"""Cancels runs: the request, what is noted of it before the cluster is asked, and what is asked of the cluster.

Each step may be done twice, or by two processes at once.
"""
