"""An authority like that of an EKS cluster: a root certificate that says that it is one, and nothing else about itself.

Amazon EKS makes it so, and many companies' own authorities are alike. trustme's say all that RFC 5280 asks for.
https://github.com/kubernetes-client/python/issues/2394
"""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "cluster.example.com"


class PlainAuthority(NamedTuple):
    """The authority's certificate as PEM, and a server's certificate that it has signed, with its key."""

    authority: str
    server: str


@cache
def plain_authority() -> PlainAuthority:
    """Make an authority whose certificates have no identifiers of keys."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .issuer_name(named)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    authority = (
        made.subject_name(named)
        .public_key(root.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root, hashes.SHA256())
    )
    server = (
        made.subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")]))
        .public_key(leaf.public_key())
        .serial_number(2)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(root, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return PlainAuthority(authority.public_bytes(pem).decode(), (server.public_bytes(pem) + key).decode())


def shake_hands(client: ssl.SSLContext, folder: Path, host: str = HOST) -> None:
    """Connect in memory to a server with the certificate; raises ssl.SSLCertVerificationError as a client would."""
    file = folder / "server.pem"
    file.write_text(plain_authority().server)
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(file)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        there.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].version()
