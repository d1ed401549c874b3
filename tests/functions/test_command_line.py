"""Every command of the command line, against the real functions behind a gateway."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs_api.model.organization import Role
from jobsctl import operations
from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.listening import listen
from local.stack import LIMITS
from local.template import read
from tests.cli.conftest import Ended, Jobs, commands, jobs
from tests.functions.acme import Acme
from tests.functions.test_run_artifacts import ended

__all__ = ["jobs"]
ROOT = Path(__file__).parents[2]
CONTENT = b"{ }"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    template = read(ROOT / "template.yaml", parameters=LIMITS, cache=ROOT / ".local" / "cache")
    with Gateway(definition_of(template), Functions(template.functions()), listen()) as running:
        yield running.url


@pytest.fixture
def admin(acme: Acme, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let commands be those of an admin of Acme."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "JOBS_PROJECT", "CI"):
        monkeypatch.delenv(name, raising=False)
    token = operations.create_token(acme.organization.id, Role.ADMIN, days=None, description="Ada")[0]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("JOBS_API_URL", url)
    monkeypatch.setenv("JOBS_API_TOKEN", token)


@contextmanager
def _stored(*_: Any, **__: Any) -> Iterator[httpx.Response]:
    yield httpx.Response(200, content=CONTENT)


@pytest.mark.usefixtures("admin")
def test_every_command_does_its_work(  # noqa: PLR0915 - each command once
    acme: Acme, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    run = ended(acme, "manifest.json")
    # moto's bucket exists in this process only, so links into it cannot be opened.
    monkeypatch.setattr("httpx.stream", _stored)
    token, _ = operations.create_token(acme.organization.id, Role.ADMIN, days=1)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(token.encode())))
    called: set[str] = set()

    def does(*arguments: str, code: int = 0) -> Ended:
        called.update({arguments[0], " ".join(arguments[:2])})
        done = jobs(*arguments)
        assert done.code == code, done.err
        return done

    def told(*arguments: str, code: int = 0) -> Any:
        return does(*arguments, "--json", code=code).json

    assert "admin of" in does("login", "--url", url).out
    assert told("whoami")["role"] == "admin"

    assert [one["name"] for one in told("projects", "list")["projects"]] == ["jaffle"]
    assert told("projects", "show", "jaffle")["id"] == acme.project.id
    made = told("projects", "create", "Shop", "--type", "dbt", "--image", "shop:1")
    assert told("projects", "update", "shop", "--image", "shop:2", "--set", "deployed=false")["image"] == "shop:2"

    in_shop = ("--project", "Shop")
    created = told("create", "daily", "--command", "dbt build", "--schedule", "@daily", *in_shop)
    after = ("--set", 'run_after=["daily"]')
    follower = told("create", "after", "--command", "dbt test", *after, *in_shop)
    assert follower["run_after"][0]["job_id"] == created["id"]
    assert {job["name"] for job in told("list", *in_shop)["jobs"]} == {"daily", "after"}
    assert told("show", "Shop/daily")["id"] == created["id"]
    assert told("update", "daily", "--set", "schedule=@hourly")["schedule"] == "@hourly"
    assert told("disable", "daily")["enabled"] is False
    assert told("enable", "daily")["enabled"] is True
    assert told("pause", "daily", "--for", "2h", "--reason", "The warehouse moves")["paused_until"]
    assert "paused_until" not in told("resume", "daily")
    assert isinstance(told("slots", "daily")["slots"], list)
    assert told("history", "daily")["versions"][0]["version"] > 1
    assert told("rollback", "daily", "1")["schedule"] == "@daily"
    assert told("delete", "after", "--yes", *in_shop)["message"]

    begun = told("trigger", "jaffle/nightly")["job_run_id"]
    assert told("cancel", begun)["run_id"] == begun
    again = told("retry", run.id)["job_run_id"]
    told("cancel", again)
    assert {one["id"] for one in told("runs", "--limit", "10")["runs"]} >= {run.id, begun, again}
    assert [one["id"] for one in told("runs", "nightly", "--status", "success")["runs"]] == [run.id]
    assert sum(day["successful_runs"] for day in told("stats", "nightly", "--days", "2")["days"]) == 1
    assert told("logs", run.id)["run_id"] == run.id
    assert "has no results" in does("results", run.id, code=1).err

    assert [one["path"] for one in told("artifacts", "list", run.id)["artifacts"]] == ["manifest.json"]
    does("artifacts", "get", run.id, "--to", str(tmp_path / "target"))
    assert (tmp_path / "target/manifest.json").read_bytes() == CONTENT
    assert told("open", run.id) == {"url": f"{url}/console#/runs/{run.id}"}
    assert len(told("preview", "0 2 * * *", "--timezone", "Europe/Berlin")["next_run_at"]) == 10

    monkeypatch.chdir(tmp_path)
    imported = does("import", "--project", "jaffle").out
    (tmp_path / "jobs.yml").write_text(imported)
    assert "nightly" in imported
    does("plan", "--detailed-exitcode")
    (tmp_path / "jobs.yml").write_text(imported.replace(acme.job.settings.schedule or "", "30 3 * * *"))
    does("plan", "--detailed-exitcode", code=2)
    does("apply", "--yes")
    assert told("show", "jaffle/nightly")["schedule"] == "30 3 * * *"
    does("schema")

    token = told("tokens", "create", "CI", "--role", "reader")
    assert token["id"] in {one["id"] for one in told("tokens", "list")["tokens"]}
    told("tokens", "delete", "CI", "--yes")
    assert told("projects", "delete", "Shop", "--yes")["message"]
    assert made["id"] not in {one["id"] for one in told("projects", "list")["projects"]}
    does("logout")

    assert set(commands()) - called == set()


@pytest.mark.usefixtures("admin")
def test_a_token_of_another_organization_sees_nothing_of_this_one(
    acme: Acme, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Acme()
    token = operations.create_token(other.organization.id, Role.ADMIN, days=None, description="Mallory")[0]
    monkeypatch.setenv("JOBS_API_TOKEN", token)

    assert jobs("show", acme.job.id).code == 1
    assert jobs("projects", "show", acme.project.id).code == 1
    assert acme.job.id not in jobs("list", "--json").out


@pytest.mark.usefixtures("admin")
def test_a_token_that_is_not_one_gets_a_sentence(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_API_TOKEN", "jat_0123456789abcdef_bm90IG9uZQ")

    refused = jobs("list")

    assert refused.code == 77
    assert "does not accept the token" in refused.err
