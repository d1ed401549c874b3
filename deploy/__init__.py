"""What brings this service to an AWS account: `make preflight` and `make deploy`, and a manifest for the cluster."""
