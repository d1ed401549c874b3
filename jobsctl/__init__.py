"""The operator's entry: organizations, projects and tokens. `python -m jobsctl --help` tells the commands."""
