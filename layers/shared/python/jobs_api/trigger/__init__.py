"""Runs that somebody asks for: the request, the run that it makes, and how its Job is launched.

Launching again what was launched changes nothing: the Job's name is the lock.
"""
