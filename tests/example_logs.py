"""Logs of failed runs, as dbt and SQLMesh wrote them and as others write them, by their file names."""

from pathlib import Path

LOGS = Path(__file__).parent / "data" / "logs"
