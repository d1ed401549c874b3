"""Which variables a job may set: those that its tool reads, but none that changes how the process starts."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.errors import InvalidRequest
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.variables import HARMLESS, RESERVED, reserved
from tests.a_project import project

PAGE = (Path(__file__).parents[3] / "docs/jobs.md").read_text()
REFUSED_NAMES = """
    LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONBREAKPOINT
    PYTHONINSPECT BROWSER PAGER EDITOR PATH HOME SHELL BASH_ENV ENV IFS HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy
    https_proxy all_proxy Https_Proxy no_proxy SSL_CERT_FILE REQUESTS_CA_BUNDLE AWS_CONTAINER_CREDENTIALS_FULL_URI
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN KUBERNETES_SERVICE_HOST
    GIT_SSH_COMMAND GIT_SSH GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_PROXY_COMMAND DYLD_INSERT_LIBRARIES GCONV_PATH
    GLIBC_TUNABLES MALLOC_CHECK_ PERL5OPT PERL5LIB RUBYOPT NODE_OPTIONS JAVA_TOOL_OPTIONS AWS_CONFIG_FILE
    AWS_SHARED_CREDENTIALS_FILE AWS_ENDPOINT_URL_STS AWS_CA_BUNDLE CURL_CA_BUNDLE KUBECONFIG VISUAL LESSOPEN
    PYTHONPLATLIBDIR PYTHONUSERBASE PYSPARK_PYTHON SSLKEYLOGFILE OPENSSL_CONF ODBCSYSINI NETRC
    GOOGLE_APPLICATION_CREDENTIALS CLOUDSDK_PYTHON CLOUDSDK_PYTHON_ARGS CLOUDSDK_PROXY_ADDRESS AZURE_EXTENSION_DIR
    HTTPLIB2_CA_CERTS WEBSOCKET_CLIENT_CA_BUNDLE LIBMYSQL_PLUGINS LIBMYSQL_PLUGIN_DIR SASL_PATH SASL_CONF_PATH
    OPENSSL_CONF_INCLUDE AZURE_POD_IDENTITY_AUTHORITY_HOST
"""
OURS = ["JOBS_API_RUN_ID", "JOBS_API_JOB_ID", "JOBS_API_", "JOBS_API_ANYTHING"]
# Variables that jobs set: dbt's and SQLMesh's own, credentials, zones, regions, and names that only resemble reserved
# ones.
FREE_NAMES = """
    DBT_TARGET DBT_PROFILES_DIR DBT_ENV_SECRET_TOKEN SQLMESH__GATEWAYS__PROD__CONNECTION__PASSWORD TZ LANG LC_ALL
    AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY SNOWFLAKE_ACCOUNT PGHOST PGPASSWORD PGSSLMODE
    GIT_SHA GIT_TOKEN GIT_BRANCH ENVIRONMENT TARGET_ENV APP_HOME MY_PATH PATHS LDAP_URL path Home NODE_ENV TMPDIR
    PYTHONUNBUFFERED PYTHONHASHSEED OMP_NUM_THREADS _ A jobs_api_run_id MY_JOBS_API_TOKEN PROXY USE_PROXY
"""
REFUSED, FREE = REFUSED_NAMES.split(), FREE_NAMES.split()


def faults(environment: dict[str, str], in_project: Project | None = None) -> dict[str, str]:
    fields = {"name": "n", "command": "dbt build", "schedule": "@daily", "environment": environment}
    try:
        JobSettings.of(fields, in_project or project())
    except InvalidRequest as invalid:
        return {fault.field: fault.message for fault in invalid.faults}
    return {}


def test_every_reserved_variable_is_refused_by_its_name() -> None:
    refused = faults(dict.fromkeys(REFUSED, "x"))

    assert refused.keys() == {f"environment.{name}" for name in REFUSED}
    assert refused["environment.PATH"] == (
        "PATH decides which program is started, and how a shell starts, which only the project may "
        "set; an operator can set it for the project, or add it to the project's allowed_environment"
    )


def test_variables_that_dbt_and_sqlmesh_read_are_allowed() -> None:
    assert faults(dict.fromkeys(FREE, "x")) == {}


def test_a_project_may_leave_a_name_to_its_jobs() -> None:
    generous = project(allowed_environment=["PATH", "http_proxy"])

    assert faults({"PATH": "/opt/bin", "http_proxy": "http://proxy"}, generous) == {}
    assert faults({"HTTP_PROXY": "http://proxy"}, generous).keys() == {"environment.HTTP_PROXY"}


@pytest.mark.parametrize("name", OURS)
def test_variables_that_identify_the_run_cannot_be_set(name: str) -> None:
    assert "the service's own" in faults({name: "x"})[f"environment.{name}"]
    with pytest.raises(ValueError, match="always set by the service"):
        project(allowed_environment=[name])


@pytest.mark.parametrize("names", [["a-b"], [""], ["A" * 256], ["A"] * 101, "PATH", [1]])
def test_the_allowed_environment_of_a_project_has_names(names: Any) -> None:
    with pytest.raises(ValueError, match="allowed_environment"):
        project(allowed_environment=names)


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True))
def test_exactly_the_reserved_names_are_refused(name: str) -> None:
    assert bool(faults({name: "x"})) == bool(name.startswith("JOBS_API_") or reserved(name))


def test_all_other_faults_of_an_environment_are_reported_too() -> None:
    told = faults({"PATH": "x", "1st": "x", "NUL": "\0", "LD_PRELOAD": "x" * 40_000})

    assert told.keys() == {"environment", "environment.PATH", "environment.LD_PRELOAD"}


def test_a_very_long_name_is_shortened_in_the_error() -> None:
    assert all(len(field) + len(message) < 500 for field, message in faults({"é" * 200_000: ""}).items())


def test_the_documentation_has_the_same_list() -> None:
    rows = dict(re.findall(r"^\| ([^`|]+) \| (`.+`) \|$", PAGE.partition("## Environment")[2], flags=re.MULTILINE))

    assert {decides: re.findall(r"`([^`]+)`", names) for decides, names in rows.items()} == {
        kind.decides: list(kind.names) for kind in RESERVED
    }
    assert all(f"`{name}`" in PAGE for name in HARMLESS)
