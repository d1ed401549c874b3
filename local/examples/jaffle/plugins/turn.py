"""Makes runs wait for each other: DuckDB lets one process write a file, and refuses any other instead of waiting."""

import fcntl
import os
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Holds a lock beside the database until the process ends; see `plugins` in profiles.yml."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Wait until no other process has the lock, and keep it; dbt connects after this."""
        lock = os.open(f"{creds.path}.lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for the run that has {os.path.basename(creds.path)} open.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
