"""An AWS and an embedded cluster on this machine, for benchmarks that measure another process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import ROOT
from benchmarks.measured_service import cluster
from local.template import read
from tests.fast_moto.aws import LocalAws


@contextmanager
def aws_and_cluster() -> Iterator[tuple[Path, dict[str, str]]]:
    """Start both; give the kubeconfig, and the environment of a process that uses both as a function would."""
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    with TemporaryDirectory() as home, LocalAws(template) as aws, cluster(Path(home)) as kubeconfig:
        os.environ["JOBS_API_KUBECONFIG"] = str(kubeconfig)
        yield kubeconfig, {**os.environ, **aws.environment(), "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
