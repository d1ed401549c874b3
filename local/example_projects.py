"""The projects in local/examples as `make run` sets them up: image, folder, environment and how they are deployed."""

from dataclasses import dataclass
from pathlib import Path

from jobs_api.model.commands import ProjectType

EXAMPLES_FOLDER = Path(__file__).resolve().parent / "examples"


@dataclass(frozen=True)
class Example:
    """One example project.

    `image` is a folder under local/images. `deploy_command` is what CI would run once whenever the project is
    deployed; run again, it changes nothing that is already there. Its environment is that of the project's jobs.
    """

    name: str
    project_type: ProjectType
    image: str
    deploy_command: tuple[str, ...]

    @property
    def working_directory(self) -> Path:
        """The folder a job's process starts in."""
        return EXAMPLES_FOLDER / self.name

    @property
    def environment_secret(self) -> str:
        """The Kubernetes Secret that holds `environment`, in the organization's namespace."""
        return f"{self.name}-env"

    def environment(self, home: Path) -> dict[str, str]:
        """What every process of the project finds in its environment; all it writes goes to `<home>/<name>`.

        The folder is created here, since DuckDB does not create the one its file is in.
        """
        data = home.resolve() / self.name
        data.mkdir(parents=True, exist_ok=True)
        database = {"DUCKDB_PATH": str(data / f"{self.name}.duckdb")}
        if self.project_type is ProjectType.DBT:
            return database | {
                "DBT_TARGET_PATH": str(data / "target"),
                "DBT_LOG_PATH": str(data / "logs"),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            }
        return database | {
            "SQLMESH_CACHE_PATH": str(data / "cache"),
            "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
            "COLUMNS": "120",  # how wide SQLMesh writes where there is no terminal to ask
        }


EXAMPLES = (
    Example(
        "analytics",
        ProjectType.SQLMESH,
        "sqlmesh",
        ("sqlmesh", "plan", "--auto-apply", "--no-prompts", "--skip-backfill"),
    ),
    Example("jaffle", ProjectType.DBT, "dbt", ("dbt", "build")),
)
