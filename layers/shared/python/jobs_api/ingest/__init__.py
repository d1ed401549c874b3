"""Turns what the cluster shows into runs: reads Jobs and Pods, writes runs, logs and missed slots.

`decision` is pure, and so are `giving_up`, `run_moves`, `unseen_end` and `run_log`, on which it and `job_ingest` build:
facts in, decision out. `ingester` goes through an organization's Jobs, runs and slots. For each it has one module act:
`job_ingest` (a Job), `missing_jobs` (a run whose Job is gone), `waiting_runs` (a run that waits for a Job), `following`
(an end that others run after), `slot_accounting` (a slot). They share `pass_findings`; `run_writing` writes the runs,
`log_storing` reads and stores the logs, `logs_left` what is left of those that cannot be read. Must not know HTTP.
"""
