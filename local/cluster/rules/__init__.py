"""Kubernetes' rules for objects: what they may hold, what is filled in, what is refused."""
