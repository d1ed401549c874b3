"""SQLMesh's settings: one DuckDB file, named by the environment, used by one process at a time."""

import fcntl
import logging
import os
import subprocess
import sys
from pathlib import Path

import duckdb
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig

DATABASE = Path(os.environ.get("DUCKDB_PATH", ".cache/analytics.duckdb")).absolute()
CACHE = Path(os.environ.get("SQLMESH_CACHE_PATH", ".cache")).absolute()
PLAN = ["plan", "--auto-apply", "--no-prompts", "--skip-backfill"]


def wait_for_turn() -> int:
    """Hold a lock until this process ends; DuckDB itself would refuse a second process instead of waiting."""
    DATABASE.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(f"{DATABASE}.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Waiting for the run that has {DATABASE.name} open.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def is_planned() -> bool:
    """Return whether a plan has made the environment that `sqlmesh run` needs."""
    if not DATABASE.exists():
        return False
    with duckdb.connect(str(DATABASE), read_only=True) as database:
        try:
            return bool(database.execute("SELECT 1 FROM sqlmesh._environments WHERE name = 'prod'").fetchone())
        except duckdb.CatalogException:
            return False


def plan() -> None:
    """Deploy as CI would, because a run began before CI did, or there is no CI. The first run fills the tables."""
    print("Nothing is deployed to this database yet; planning first.", flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "ENABLE_BROKEN"}
    subprocess.run([sys.argv[0], *PLAN], env={**environment, "HAS_TURN": "true"}, check=True)


def drop_log_file() -> None:
    """Remove the file that SQLMesh opened in logs/: no setting moves it, and the run's output has the same lines."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, logging.FileHandler):
            root.removeHandler(handler)
            handler.close()
            Path(handler.baseFilename).unlink(missing_ok=True)
    root.addHandler(logging.NullHandler())  # without any handler, logging.info() would add one


drop_log_file()
if "HAS_TURN" not in os.environ:
    LOCK = wait_for_turn()
    if "plan" not in sys.argv and not is_planned():
        plan()

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
