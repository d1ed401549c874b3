"""Events for the AWS account: what a run or a job became, put on the bus for rules that the account's owner writes.

It reads the streams of the tables, so that whoever writes a run or a job need not know of it. A stream gives each write
at least once and in order, and so does this package; an event that is repeated has the same `event_id`.
It knows rows and the bus, and must not know the cluster, people or HTTP.
"""
