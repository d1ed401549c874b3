"""Cancels runs: the request, its record before the cluster is asked, and the calls to the cluster.

Each step may be done twice, or by two processes at once.
Must not know HTTP, or how people are notified.
"""
