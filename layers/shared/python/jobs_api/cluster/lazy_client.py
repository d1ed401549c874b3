"""The few modules of the kubernetes package that this service needs, without the others.

`import kubernetes` loads 900 modules, most of them models that are never used here, and takes three times as long as
all of boto3; these few take a twentieth of that. So they are loaded as if the packages around them were empty.
"""

import atexit
import importlib
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec, module_from_spec
from typing import Any

from urllib3.util.ssl_ import create_urllib3_context

from jobs_api.errors import ClusterUnavailable

PACKAGES = ("kubernetes", "kubernetes.client", "kubernetes.config")
# On a laptop several functions come here at once, and one could remove what another is importing.
_one_at_a_time = threading.Lock()


@contextmanager
def _empty_packages() -> Iterator[None]:
    """Import without the code of the packages themselves, and leave no trace, for code that needs the whole package."""
    before = {name: module for name, module in list(sys.modules.items()) if name.split(".")[0] == "kubernetes"}
    for name in before:
        del sys.modules[name]
    try:
        for name in PACKAGES:
            spec = find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            sys.modules[name] = module_from_spec(spec)
        yield
    finally:
        for name in [name for name in list(sys.modules) if name.split(".")[0] == "kubernetes"]:
            del sys.modules[name]
        sys.modules.update(before)


with _empty_packages():
    rest = importlib.import_module("kubernetes.client.rest")
    Configuration: Any = importlib.import_module("kubernetes.client.configuration").Configuration


def load_kubeconfig(path: str) -> tuple[Any, ssl.SSLContext | None]:
    """Return the Configuration that a kubeconfig describes, and its certificates, None for HTTP.

    Where it names a plugin for credentials, call it now. The paths of certificates in the Configuration may be gone.

    Raises:
        ConfigException: (the client's) the file is missing or invalid.
        ClusterUnavailable: a file cannot be read, or is no certificate or key.
    """
    configuration, client = Configuration(), _kube_config()
    # The client writes certificates that are in a kubeconfig into files, and removes them when Python ends. A process
    # of Lambda or of `make run` ends without that.
    remove_files = client._cleanup_temp_files  # noqa: SLF001 - nothing public does it
    with _one_at_a_time:
        try:
            client.load_kube_config(config_file=path, client_configuration=configuration)
            return configuration, _tls_of(configuration) if configuration.host.startswith("https:") else None
        except OSError as error:  # ssl.SSLError is one
            raise ClusterUnavailable(f"The kubeconfig or one of its certificates cannot be read: {error}") from error
        finally:
            remove_files()
            atexit.unregister(remove_files)


def trusting(authority: str) -> ssl.SSLContext:
    """Return the context of connections to servers whose certificate this authority (PEM) has signed; no other."""
    context = _new_context(ssl.CERT_REQUIRED)
    context.load_verify_locations(cadata=authority)
    return context


def _new_context(required: ssl.VerifyMode) -> ssl.SSLContext:
    """Return a context that verifies authority, host and dates, but not the form of the certificates.

    From Python 3.13 on urllib3 also asks for the identifiers of RFC 5280, which the authority of an EKS cluster lacks.
    https://github.com/kubernetes-client/python/issues/2394
    """
    return create_urllib3_context(cert_reqs=required, verify_flags=ssl.VERIFY_X509_PARTIAL_CHAIN)


def _tls_of(configuration: Any) -> ssl.SSLContext:
    context = _new_context(ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE)
    # Without an authority the client takes its own list of them, and not the system's.
    context.load_verify_locations(configuration.ssl_ca_cert or rest.certifi.where())
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


@cache
def _kube_config() -> Any:
    with _one_at_a_time, _empty_packages():
        package: Any = sys.modules["kubernetes.client"]
        # The names that kube_config takes from there. It only ever GETs with an ApiClient, which the REST client does
        # as well.
        package.Configuration, package.ApiClient = Configuration, rest.RESTClientObject
        return importlib.import_module("kubernetes.config.kube_config")
