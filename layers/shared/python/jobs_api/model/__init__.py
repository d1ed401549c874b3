"""The documents of the service and their rules: organization, project, job, run, delivery, command, resources, slots.

Pure: must not know AWS, Kubernetes' client, HTTP or the time; `now` is always passed in.
"""
