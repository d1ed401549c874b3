"""The network side of the cluster: a certificate, a kubeconfig, and uvicorn on the loopback interface."""

import asyncio
import base64
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

import trustme
import uvicorn
import yaml
from starlette.types import ASGIApp

from local import private_files
from local.serving import Server

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Credentials:
    """The files of the certificate and the bearer token, for server and clients."""

    authority: Path
    certificate: Path
    key: Path
    token: str


def issue(home: Path, *, keep: bool = False) -> Credentials:
    """Make a new authority, certificate and token under `home`; with `keep` use those of an earlier start."""
    folder = private_files.folder(home / "pki")
    files, known = (folder / "ca.crt", folder / "server.crt", folder / "server.key"), folder / "token"
    if keep and known.exists():
        return Credentials(*files, known.read_text())
    authority = trustme.CA(organization_name="embedded cluster")
    issued = authority.issue_cert(HOST, "localhost", organization_name="embedded cluster")
    credentials = Credentials(*files, secrets.token_urlsafe(32))
    authority.cert_pem.write_to_path(credentials.authority)
    private_files.write(credentials.key, issued.private_key_pem.bytes())
    credentials.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    # Written last: without this file, an earlier start was interrupted.
    known.unlink(missing_ok=True)
    if keep:
        private_files.write(known, credentials.token.encode())
    return credentials


def write_kubeconfig(path: Path, url: str, credentials: Credentials) -> None:
    """Write the kubeconfig for kubectl and the official clients; it has the token, so only its owner may read it."""
    name = "embedded"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": url, "certificate-authority-data": _base64(credentials.authority)}}
        ],
        "users": [{"name": name, "user": {"token": credentials.token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "current-context": name,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    private_files.write(path, yaml.safe_dump(config, sort_keys=False).encode())


def listen(port: int) -> socket.socket:
    """Open the socket; 0 lets the system choose a port."""
    # asyncio turns off Nagle's algorithm only on sockets that name their protocol; otherwise each answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen(128)
    return listening


def server(app: ASGIApp, credentials: Credentials) -> Server:
    """Make the server, which logs no requests."""
    return Server(
        uvicorn.Config(
            app,
            ssl_certfile=credentials.certificate,
            ssl_keyfile=credentials.key,
            access_log=False,
            log_config=None,
            lifespan="off",
        )
    )


async def end(server: Server) -> None:
    """Stop accepting requests, give open ones a second, and close idle connections."""
    server.end()
    under_way = list(server.server_state.tasks)
    if under_way:
        await asyncio.wait(under_way, timeout=1)
    for listening in server.servers:
        if isinstance(listening, asyncio.Server):
            listening.abort_clients()


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
