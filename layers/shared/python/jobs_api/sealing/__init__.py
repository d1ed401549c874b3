"""What is secret about a job: sealed before the tables see it, opened where it is used.

Knows which fields are secret, and KMS by `aws.encryption`. Must not know the tables or Kubernetes.
"""
