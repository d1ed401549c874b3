"""Turns what the cluster shows into runs: Jobs and Pods in, runs, logs and missed slots out.

`decision` is pure: facts in, decision out. `ingester` asks the cluster and the tables and does what was decided. Must
not know HTTP.
"""
