"""The AWS services that other packages use: clients, the event bus, encryption with KMS.

Knows botocore. Must not know jobs, runs or Kubernetes.
"""
