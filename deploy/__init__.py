"""Deploys this service to an AWS account: `make preflight`, `make deploy`, and a manifest for the cluster."""
