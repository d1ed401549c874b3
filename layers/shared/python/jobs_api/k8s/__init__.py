"""Kubernetes objects as JSON: the manifests that jobs become, the labels on them, and what a Job or a Pod says.

`observed` reads a Job and its newest Pod once. What decides over a run, or shows it, takes an `Observed` and no JSON.

Pure: must not know the Kubernetes client, the tables or the time.
"""
