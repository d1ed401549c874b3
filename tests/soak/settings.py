"""The settings of a soak, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """How long, how much, and from which seed.

    Args:
        seconds: how long there is work and trouble; what follows until all agree comes on top.
        seed: where choices begin. Threads ask in no certain order, so that of a seed the choices repeat, not whom
            each meets.
        jobs: how many there are, about.
        clients: how many people work at once.
        trouble: the share of calls that fail while trouble is on.
        home: the folder for all that is written.
    """

    seconds: float = 600
    seed: int = 1
    jobs: int = 48
    clients: int = 4
    trouble: float = 0.4
    minute_seconds: float = 5
    home: Path = ROOT / ".local" / "soak"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read SOAK_MINUTES or SOAK_SECONDS, SOAK_SEED, SOAK_JOBS, SOAK_CLIENTS, SOAK_TROUBLE and SOAK_HOME."""
        minutes = float(environment.get("SOAK_MINUTES") or cls.seconds / 60)
        return cls(
            seconds=float(environment.get("SOAK_SECONDS") or minutes * 60),
            seed=int(environment.get("SOAK_SEED") or cls.seed),
            jobs=int(environment.get("SOAK_JOBS") or cls.jobs),
            clients=int(environment.get("SOAK_CLIENTS") or cls.clients),
            trouble=float(environment.get("SOAK_TROUBLE") or cls.trouble),
            home=Path(environment.get("SOAK_HOME") or cls.home).absolute(),
        )


def environment_of_processes() -> dict[str, str]:
    """Return the environment for child processes."""
    path = os.pathsep.join([str(ROOT / "layers/shared/python"), str(ROOT)])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "JOBS_API_"))}
    return {**inherited, "PYTHONPATH": path}
