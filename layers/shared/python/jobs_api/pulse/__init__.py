"""When an organization is looked at next, and the pass that is made then.

`next_pulse` decides, knowing nothing but facts and the time. `queue` sends messages, which anybody may ask it to.
`handling` takes a message, and makes the `passes` that it is for.
"""
