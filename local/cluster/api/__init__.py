"""The HTTP side of the cluster: what a Kubernetes API server answers on each path."""
