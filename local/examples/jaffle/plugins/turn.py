"""Has runs wait for each other, since DuckDB lets one process at a time write a file and refuses the others."""

import fcntl
import os
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Holds a lock beside the database until the process ends; see `plugins` in profiles.yml."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Return when it is this process's turn to connect."""
        lock = os.open(f"{creds.path}.lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for the run that has {os.path.basename(creds.path)} open.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
