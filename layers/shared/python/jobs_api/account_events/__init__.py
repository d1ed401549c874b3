"""Events for the AWS account: says on the bus what a run or a job became; the account's owner writes rules for them.

It reads the streams of the tables, so that code which writes a run or a job need not know of it. A stream delivers each
write at least once and in order, and so does this package; a repeated event has the same `event_id`.
It knows rows and the bus, and must not know the cluster, people or HTTP.
"""
