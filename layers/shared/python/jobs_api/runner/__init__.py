"""The program that starts a job's command in its Pod and stores the run's artifacts: how a Pod gets and starts it.

`pod.py` is that program, one file of the standard library alone. A ConfigMap brings it into the Pod.
Must not know any other package of the service.
"""

from pathlib import Path
from typing import Final

CONFIG_MAP: Final = "jobs-api-runner"
# The Pod's volume for what the runner needs.
VOLUME: Final = "jobs-api"
# In the Pod: the runner, the API's address, and the Pod's token in one folder; dbt's target folder is another.
FOLDER: Final = "/var/run/jobs-api"
TARGET: Final = "/var/run/dbt-target"
FILE: Final = "runner.py"
ADDRESS: Final = "url"
TOKEN_FILE: Final = "token"  # noqa: S105 - the name of a file
POD_TOKEN_SECONDS: Final = 3600
AUDIENCE: Final = "jobs-api"
SHELL: Final = "/bin/sh"
# The command runs in any case: without the ConfigMap, and in an image without Python.
START: Final = '[ -r "$0" ] && command -v python3 >/dev/null 2>&1 && exec python3 -I -S -B "$0" "$@"; exec "$@"'


def words(command: list[str]) -> list[str]:
    """Return the words that start a command through the runner."""
    return [SHELL, "-c", START, f"{FOLDER}/{FILE}", *command]


def source() -> str:
    """Return the text of the program."""
    return Path(__file__).with_name("pod.py").read_text()
