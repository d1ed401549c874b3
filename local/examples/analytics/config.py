"""SQLMesh's settings: one DuckDB file, named by the environment, used by one process at a time."""

import fcntl
import logging
import os
import sys
from pathlib import Path

from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig

DATABASE = Path(os.environ.get("DUCKDB_PATH", ".cache/analytics.duckdb")).absolute()
CACHE = Path(os.environ.get("SQLMESH_CACHE_PATH", ".cache")).absolute()


def wait_for_turn() -> int:
    """Hold a lock until this process ends; DuckDB itself would refuse a second process instead of waiting."""
    DATABASE.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(DATABASE.with_suffix(".lock"), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Waiting for the run that has {DATABASE.name} open.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def drop_log_file() -> None:
    """Remove the file SQLMesh opened in logs/: it has no setting for the place, and the run's output says it all."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, logging.FileHandler):
            root.removeHandler(handler)
            handler.close()
            Path(handler.baseFilename).unlink(missing_ok=True)
    root.addHandler(logging.NullHandler())  # with no handler at all, logging.info() would set one up


drop_log_file()
LOCK = wait_for_turn()

config = Config(
    default_gateway="local",
    gateways={"local": GatewayConfig(connection=DuckDBConnectionConfig(database=str(DATABASE)))},
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start="7 days ago", cron="*/5 * * * *"),
    cache_dir=str(CACHE),
    # models/broken.sql is there to show what a failed run looks like.
    ignore_patterns=[] if os.environ.get("ENABLE_BROKEN") == "true" else ["models/broken.sql"],
    disable_anonymized_analytics=True,
    log_limit=0,
)
