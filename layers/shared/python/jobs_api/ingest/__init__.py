"""Turns what the cluster shows into runs: Jobs and Pods in, runs, logs and missed slots out.

`decision` is pure, and so are `giving_up`, `run_moves`, `unseen_end` and `run_log`, which it and the pass are made of:
facts in, decision out. `ingester` asks the cluster and the tables and does what was decided; `log_storing` reads and
stores the logs. Must not know HTTP.
"""
