"""Jobs as code: a YAML file with the jobs of one or more projects, its plan, and how it is applied."""
