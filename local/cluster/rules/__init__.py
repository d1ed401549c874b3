"""Kubernetes' rules for objects: allowed fields, defaults, and validation."""
