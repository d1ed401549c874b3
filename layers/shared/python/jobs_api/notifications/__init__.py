"""People and other services are told of runs: what is due, when and how it is sent, and what became of it."""
