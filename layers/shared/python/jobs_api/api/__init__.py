"""HTTP requests from API Gateway: routes, bodies, errors, idempotency keys, cursors.

Knows Powertools and the shape of requests and answers. Must not know Kubernetes or the tables.
"""
