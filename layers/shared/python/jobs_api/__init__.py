"""The service behind the Jobs API, in packages by what they know.

The packages, lowest first; each imports only packages above it in this list, and import-linter checks the order:

- `clock`, `errors`, `ids`, `metrics`, `recent`: the time, error classes, ids, metrics, short-lived caches;
  `runner`: the program that starts a command in its Pod
- `schedule`: Kubernetes' grammar for schedules, and when they fire; `redaction`: secrets in a text;
  `aws`: the bus, encryption
- `model`: documents and their rules
- `store`, `k8s`, `api`, `auth`, `logs`, `sealing`: the tables; Kubernetes objects as JSON; HTTP; tokens; logs;
  a job's secrets
- `cluster`, `notifications`: the two outside worlds, Kubernetes and people
- `account_events`: events for the AWS account
- `admin`: what an administrator does to projects and tokens
- `trigger`, `cancel`: runs that a user starts or ends
- `collecting`: the logs of runs that have not ended
- `edits`: writes of jobs, one at a time or to match a list
- `sync`, `ingest`, `live`: what the functions do with a cluster
- `pulse`: when an organization is checked next, and the passes that are made then
"""

import gc
from typing import Final

# The version of the service, its API document and CHANGELOG.md; the functions have no pyproject.toml to read it from.
VERSION: Final = "0.2.0"

# The objects of a cold start's imports are never freed, and most of those of a page of a cluster's answer are not
# either. Python would search them for garbage after every 2,000 objects, which takes a tenth of the start and more of a
# pass.
gc.set_threshold(100_000)
