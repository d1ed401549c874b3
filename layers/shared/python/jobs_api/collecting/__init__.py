"""Collects the logs of runs that have not ended: a kubelet keeps 10 MiB of a log, and a node may be gone.

`rules` decides from facts alone when a log is read, written and followed. `parts` keeps what was collected, one part
after another. `collector` reads a Pod's log on from where the last part ends.
Must not know HTTP, or how a run ends.
"""
