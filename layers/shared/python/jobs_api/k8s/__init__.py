"""Kubernetes objects as JSON: the manifests that jobs become, the labels on them, and what a Job or a Pod says.

Pure: must not know the Kubernetes client, the tables or the time.
"""
