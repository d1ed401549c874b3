"""The projects in local/examples as `make run` sets them up: image, folder, environment and deployment."""

from dataclasses import dataclass
from pathlib import Path

from jobs_api.model.commands import ProjectType

EXAMPLES_FOLDER = Path(__file__).resolve().parent / "examples"


@dataclass(frozen=True)
class Example:
    """One example project.

    `image` is a folder under local/images. CI would run `deploy_command` once at each deployment of the project; a
    second run changes nothing. It has the same environment as the project's jobs.
    """

    name: str
    project_type: ProjectType
    image: str
    deploy_command: tuple[str, ...]

    @property
    def working_directory(self) -> Path:
        """The working directory of a job's process."""
        return EXAMPLES_FOLDER / self.name

    @property
    def environment_secret(self) -> str:
        """The Kubernetes Secret that holds `environment`, in the organization's namespace."""
        return f"{self.name}-env"

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of every process of the project, which writes to `<home>/<name>` only.

        The folder is created here, since DuckDB does not create the folder of its file.
        """
        data = home.resolve() / self.name
        data.mkdir(parents=True, exist_ok=True)
        database = {"DUCKDB_PATH": str(data / f"{self.name}.duckdb")}
        if self.project_type is ProjectType.DBT:
            return database | {
                "DBT_LOG_PATH": str(data / "logs"),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            }
        return database | {
            "SQLMESH_CACHE_PATH": str(data / "cache"),
            "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
            "COLUMNS": "120",  # SQLMesh's line width, since there is no terminal
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
