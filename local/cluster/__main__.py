"""`python -m local.cluster`: the embedded cluster by itself, until Ctrl-C or SIGTERM."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from local.cluster import EmbeddedCluster
from local.ending import EndSignal


def main(
    home: Annotated[Path, typer.Option(help="Where the kubeconfig, the certificates and the pods' files go.")] = Path(
        ".local"
    ),
    images: Annotated[Path, typer.Option(help="The folders that pods can run as images.")] = Path("local/images"),
    port: Annotated[int, typer.Option(help="0 lets the system choose.")] = 0,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Continue where the cluster in this home ended.")] = False,
) -> None:
    """Run a Kubernetes cluster in this process."""
    os.umask(0o077)
    stopped = EndSignal(signal.SIGINT, signal.SIGTERM)
    with EmbeddedCluster(home, images, port=port, keep=keep) as cluster:
        typer.echo(f"kubectl --kubeconfig {cluster.kubeconfig} get all    # {cluster.url}")
        stopped.wait()


if __name__ == "__main__":
    typer.run(main)
