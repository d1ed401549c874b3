"""A Kubernetes cluster in one process: its API, its Job controllers, and a kubelet that runs real processes."""
