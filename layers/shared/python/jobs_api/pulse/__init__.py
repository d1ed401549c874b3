"""When the next pass over an organization is due, and what a pass does.

`next_pulse` decides from facts and the time alone. `queue` sends queue messages; every module may ask it to.
`handling` takes a queue message and makes the `passes` that the message requests.
Must not know HTTP, or what one run or one CronJob needs.
"""
