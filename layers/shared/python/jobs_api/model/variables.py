"""A job's environment: how large it may be, and which names a job may not set.

A job may set what its tool reads. Only the project may set what decides which code a process loads, which program it
starts or where it finds credentials. docs/jobs.md has the same list in words; a test compares the two.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jobs_api.errors import shortened
from jobs_api.model.named_faults import NamedFault
from jobs_api.redaction.masking import MASK, is_secret_name

MOST_VARIABLES: Final = 100
MOST_BYTES: Final = 32 * 1024
LONGEST_CACHED: Final = 255
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The service always sets these, whatever a project allows.
OURS: Final = "JOBS_API_"


@dataclass(frozen=True)
class VariableKind:
    """Names with one effect: `*` matches any end of a name; proxies are read in capital and in small letters."""

    decides: str
    names: tuple[str, ...]
    either_case: bool = False


# Sources: ld.so(8) and glibc's list of what it drops for privileged programs (sysdeps/generic/unsecvars.h), Python's
# "Environment variables", git(1), ssh(1), libpq's, the AWS SDKs' reference of settings, and the manuals of the rest.
RESERVED: Final = (
    VariableKind(
        "which code is loaded into a process",
        (
            *("LD_*", "DYLD_*", "LIBPATH", "SHLIB_PATH", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "MALLOC_*"),
            *("LOCPATH", "NLSPATH", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "PYTHON*", "PERL5*"),
            *("PERLLIB", "RUBYOPT", "RUBYLIB", "GEM_HOME", "GEM_PATH", "BUNDLE_GEMFILE", "NODE_OPTIONS", "NODE_PATH"),
            *("JAVA_HOME", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"),
            *("PYSPARK_*", "SPARK_HOME", "SPARK_CONF_DIR", "SPARK_SUBMIT_OPTS", "HADOOP_HOME", "HADOOP_CONF_DIR"),
            *(
                "HADOOP_OPTS",
                "HADOOP_CLASSPATH",
                "HADOOP_USER_CLASSPATH_FIRST",
                "SPARK_DIST_CLASSPATH",
                "YARN_CONF_DIR",
            ),
            *(
                "HIVE_CONF_DIR",
                "LIBHDFS_OPTS",
                "ORACLE_HOME",
                "LUA_INIT",
                "LUA_PATH",
                "LUA_CPATH",
                "DOTNET_STARTUP_HOOKS",
                "CORECLR_*",
                "ODBCINI",
            ),
            *("ODBCINSTINI", "ODBCSYSINI", "DBT_PACKAGE_HUB_URL", "DBT_ENGINE_PACKAGE_HUB_URL", "CLOUDSDK_PYTHON*"),
            *("AZURE_EXTENSION_DIR", "LIBMYSQL_PLUGINS", "LIBMYSQL_PLUGIN_DIR", "SASL_PATH", "SASL_CONF_PATH"),
            "OPENSSL_CONF_INCLUDE",
        ),
    ),
    VariableKind(
        "which program is started, and how a shell starts",
        (
            *("PATH", "HOME", "SHELL", "ENV", "BASH_ENV", "BASH_FUNC_*", "BASHOPTS", "SHELLOPTS", "IFS", "CDPATH"),
            *("PS4", "PROMPT_COMMAND", "ZDOTDIR", "BROWSER", "PAGER", "MANPAGER", "EDITOR", "VISUAL", "LESSOPEN"),
            *("LESSCLOSE", "TERMCAP", "TERMINFO", "TERMINFO_DIRS"),
        ),
    ),
    VariableKind(
        "how git and ssh reach a repository",
        (
            *("GIT_SSH", "GIT_SSH_*", "GIT_CONFIG", "GIT_CONFIG_*", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_DIR"),
            *("GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
            *("GIT_ASKPASS", "GIT_PAGER", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_EXTERNAL_DIFF"),
            *("GIT_PROXY_COMMAND", "GIT_PROXY_SSL_*", "GIT_SSL_*", "GIT_ALLOW_PROTOCOL", "GIT_TRACE", "GIT_TRACE_*"),
            *("GIT_TRACE2", "GIT_TRACE2_*", "GIT_CURL_VERBOSE", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_AUTH_SOCK"),
            *("SSH_SK_HELPER", "SSH_SK_PROVIDER", "SSH_PKCS11_HELPER", "GNUPGHOME"),
        ),
    ),
    VariableKind(
        "the proxies and name servers of a process",
        (
            *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY", "SOCKS_PROXY", "WS_PROXY"),
            *("WSS_PROXY", "GRPC_PROXY", "NO_GRPC_PROXY", "RES_OPTIONS", "RESOLV_*", "LOCALDOMAIN", "HOSTALIASES"),
            *("NIS_PATH", "CLOUDSDK_PROXY_*"),
        ),
        either_case=True,
    ),
    VariableKind(
        "which certificates are trusted, and who may read encrypted traffic",
        (
            *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
            *("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "PGSSLROOTCERT"),
            *("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "HTTPLIB2_CA_CERTS"),
            "WEBSOCKET_CLIENT_CA_BUNDLE",
        ),
    ),
    VariableKind(
        "where credentials are found, and which server issues them",
        (
            *("AWS_CONTAINER_*", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONFIG_FILE", "AWS_PROFILE"),
            *("AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_DATA_PATH", "AWS_ENDPOINT_URL"),
            *("AWS_ENDPOINT_URL_*", "AWS_EC2_METADATA_SERVICE_*", "AWS_METADATA_SERVICE_*", "BOTO_CONFIG"),
            *("KUBERNETES_*", "KUBECONFIG", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_EXTERNAL_ACCOUNT_*"),
            *("GCE_METADATA_*", "CLOUDSDK_CONFIG", "CLOUDSDK_AUTH_*", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CONFIG_DIR"),
            *("AZURE_AUTHORITY_HOST", "AZURE_CLIENT_CERTIFICATE_PATH", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"),
            *("IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET", "DATABRICKS_CONFIG_FILE", "SNOWFLAKE_HOME", "NETRC"),
            *("CURL_HOME", "WGETRC", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "DOCKER_CONFIG", "KRB5_CONFIG"),
            *("KRB5CCNAME", "KRB5_KTNAME", "KRB5_CLIENT_KTNAME", "PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"),
            *("PGSSLCERT", "PGSSLKEY", "TNS_ADMIN", "MYSQL_HOME", "MYSQL_TEST_LOGIN_FILE", "FREETDS", "FREETDSCONF"),
            *("AWS_LOGIN_CACHE_DIRECTORY", "DATABRICKS_OIDC_TOKEN_FILEPATH", "DATABRICKS_METADATA_SERVICE_URL"),
            *("FSSPEC_CONFIG_DIR", "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
        ),
    ),
)
# A job may set these names of those above: they only say how Python writes.
HARMLESS: Final = frozenset(
    {
        *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED", "PYTHONIOENCODING"),
        *("PYTHONNOUSERSITE", "PYTHONSAFEPATH", "PYTHONUTF8"),
    }
)


def environment_faults(environment: Mapping[str, str], allowed: Collection[str]) -> Iterator[NamedFault]:
    """Return everything wrong with a job's environment; `allowed` are the names that its project lets jobs set."""
    yield from size_faults(environment)
    for name, value in environment.items():
        if not VARIABLE.fullmatch(name):
            rule = "is not a variable name: letters, digits and _, not starting with a digit"
            yield NamedFault(None, f"{shortened(name)!r} {rule}")
        elif "\0" in value:
            yield NamedFault(None, f"the value of {shortened(name)} has a NUL character, which no process can get")
        elif value == MASK and is_secret(name):
            yield NamedFault(name, f"has no stored value that {MASK} could stand for; send the value itself")
        elif name.startswith(OURS):
            yield NamedFault(name, f"{shortened(name)} is the service's own: {OURS}* says which run this is")
        elif name not in allowed and (decides := reserved(name)):
            yield NamedFault(
                name,
                f"{shortened(name)} decides {decides}, which only the project may set; an operator "
                "can set it for the project, or add it to the project's allowed_environment",
            )


def size_faults(environment: Mapping[str, str], counted: str = "") -> Iterator[NamedFault]:
    """Return whether an environment has too many variables or too many bytes; `counted` says what is counted."""
    if len(environment) > MOST_VARIABLES:
        yield NamedFault(None, f"has {counted}{len(environment)} variables; at most {MOST_VARIABLES} are allowed")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
    if size > MOST_BYTES:
        yield NamedFault(None, f"has {counted}{size} bytes in all; at most {MOST_BYTES} are allowed")


def is_secret(name: str) -> bool:
    """Return whether a variable's value is secret, by its name: then it is sealed, and shown as a mask."""
    # A list asks for the same few names thousands of times.
    return _is_secret(name) if len(name) <= LONGEST_CACHED else is_secret_name(name)


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    return is_secret_name(name)


def reserved(name: str) -> str | None:
    """Return what a variable with this name decides that only the project may set; None where a job may set it."""
    if name in HARMLESS:
        return None
    return next((kind.decides for kind, pattern in _PATTERNS if pattern.fullmatch(name)), None)


def _pattern(kind: VariableKind) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(name).replace(r"\*", r"\w*") for name in kind.names)
    return re.compile(alternatives, re.IGNORECASE if kind.either_case else re.NOFLAG)


_PATTERNS: Final = [(kind, _pattern(kind)) for kind in RESERVED]
