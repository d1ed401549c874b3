"""Triggered runs: the request, the run, and how its Job is launched.

Launching a run twice creates one Job: the Job's name is the lock.
Must not know HTTP, or how people are notified.
"""
