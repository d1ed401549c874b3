"""How a log is cut into records, and dbt's lines of progress: what `excerpt` and `results` both read."""
