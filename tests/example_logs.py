"""Logs of failed runs, by their file names: written by dbt, SQLMesh and other programs."""

from pathlib import Path

LOGS = Path(__file__).parent / "data" / "logs"
