"""Notifies people and other services about runs: what is due, when and how it is sent, and how that went.

Must not know the cluster, or how a run came to its end.
"""
