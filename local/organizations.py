"""The organizations that `make run` creates; their ids are their namespaces."""

ORGANIZATION = "org-acme"
OTHER_ORGANIZATION = "org-globex"
ORGANIZATIONS = (ORGANIZATION, OTHER_ORGANIZATION)
