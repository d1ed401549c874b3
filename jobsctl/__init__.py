"""The operator's command line: organizations, projects and tokens. `python -m jobsctl --help` lists the commands."""
