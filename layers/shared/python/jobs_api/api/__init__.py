"""HTTP as API Gateway hands it over: routes, bodies, errors, idempotency keys, cursors.

Knows Powertools and the shape of requests and answers. Must not know Kubernetes, nor who reads or writes the tables.
"""
