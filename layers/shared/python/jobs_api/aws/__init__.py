"""AWS services that the rest of the service uses: clients, the event bus, encryption with KMS.

Knows botocore. Must not know jobs, runs or Kubernetes.
"""
