"""Turns what the cluster shows into runs: reads Jobs and Pods, writes runs, logs and missed slots.

`decision` is pure, and so are `giving_up`, `run_moves`, `unseen_end` and `run_log`, on which it and `ingester` build:
facts in, decision out. `ingester` asks the cluster and the tables and does what was decided; `log_storing` reads and
stores the logs. Must not know HTTP.
"""
