"""A job's secrets: sealed before they are written to the tables, opened where they are used.

Knows which fields are secret, and KMS through `aws.encryption`. Must not know the tables or Kubernetes.
"""
