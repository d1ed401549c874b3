"""Writes of jobs: one job at a time, or a whole list that a project's jobs are to match.

A job is created, changed and deleted here, whichever endpoint asks for it. The caller then requests a sync.
Must not know HTTP or the cluster.
"""
