"""The writes of an administrator, over HTTP and by `jobsctl`: the rules are the same, and so is the code.

Must not know who asks, but for the entry of the audit log that the caller makes.
"""
