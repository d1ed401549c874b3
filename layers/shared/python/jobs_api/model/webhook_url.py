"""Which network addresses are public, so that a webhook cannot reach anything inside the network."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

# RFC 6052: the last 32 bits of an address in this network are an IPv4 address, which a translator uses.
NAT64 = IPv6Network("64:ff9b::/96")
# The IPv6 addresses that were ever assigned for the internet: https://www.iana.org/assignments/ipv6-address-space. All
# others are unused, including those that embed IPv4 addresses (::/96, ::ffff:0:0:0/96).
GLOBAL_UNICAST = IPv6Network("2000::/3")
# Networks with a special purpose: https://www.iana.org/assignments/iana-ipv4-special-registry and
# https://www.iana.org/assignments/iana-ipv6-special-registry. Python's tables have most of them. These are "global"
# there, in whole or in part: anycast to the nearest machine of a kind, such as this network's own NAT, protocols of the
# network itself, documentation. Nobody receives webhooks there.
SPECIAL = tuple(
    map(
        ip_network,
        (
            *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
            *("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"),
        ),
    )
)
# ISATAP (RFC 5214): an interface id with an IPv4 address in its last 32 bits.
ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
MAX_URL_LENGTH = 2048
# The names that a resolver accepts, with RFC 1035's length. By the rules no host's name has an underscore, but some
# names have one.
MAX_HOST_LENGTH = 253
HOST_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?")

type Address = IPv4Address | IPv6Address


def is_public(address: Address) -> bool:
    """Whether packets to this address leave for the public internet, also by an embedded IPv4 address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped or address in NAT64:
            return is_public(_last_32_bits(address))
        if address not in GLOBAL_UNICAST or not all(map(is_public, _tunnelled_to(address))):
            return False
    if any(address.version == network.version and address in network for network in SPECIAL):
        return False
    return address.is_global and not address.is_multicast


def is_allowed(host: str, port: int | None) -> bool:
    """Whether the operator allowed this host, with any port or with this one, although it is not public.

    WEBHOOK_ALLOWED_HOSTS is a list with commas: `hooks.internal,ci.internal:8443`.
    """
    named = {name.strip().lower() for name in os.environ.get("WEBHOOK_ALLOWED_HOSTS", "").split(",")} - {""}
    return bool(named & {host.lower(), f"{host.lower()}:{port or 443}"})


def _last_32_bits(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)


def _tunnelled_to(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that a 6to4 or ISATAP address would reach; Teredo is a special network as a whole."""
    if address.sixtofour:
        yield address.sixtofour
    if (int(address) >> 32) & 0xFFFF_FFFF in ISATAP:
        yield _last_32_bits(address)


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL that `check_webhook_url` accepts, the same for each of its spellings."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    with suppress(ValueError):
        host = str(ip_address(host))
    return f"{parts.scheme}://{host}:{parts.port or 443}"


def check_webhook_url(url: str) -> str:
    """Return the URL if it is https to a public host, else raise ValueError with what would be right.

    A host name is not resolved here: its addresses are checked each time before a webhook is sent.
    """
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(f"must be at most {MAX_URL_LENGTH} characters")
    if not url.isascii() or any(ord(c) <= 32 or ord(c) == 127 or c == "\\" for c in url):
        raise ValueError("must be an https URL in ASCII without spaces; encode other characters as %XX or punycode")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ValueError(f"is not a URL: {exc}") from exc
    if parts.scheme != "https" or not host:
        raise ValueError("must be an https URL, such as https://example.com/hooks/jobs")
    if "[" in parts.netloc and ":" not in host:
        raise ValueError("must have only an IPv6 address in brackets")
    if port == 0:
        raise ValueError("must have a port from 1 to 65535, or none for 443")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not have a user or password; send credentials in webhook_headers")
    if not is_allowed(host, port):
        _check_host(host)
    return url


def _check_host(host: str) -> None:
    address, _, zone = host.partition("%")
    try:
        literal: Address | None = ip_address(address)
    except ValueError:
        literal = None
    if literal is not None and not is_public(literal):
        raise ValueError(f"must have a public host; {host} is a private, local or reserved address")
    if literal is None and _reads_as_ipv4(host):
        raise ValueError(f"must have a public host; write {host} as a full dotted address or a name")
    if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost"):
        raise ValueError("must have a public host; localhost is this machine")
    if zone or (literal is None and not _is_name(host)):
        raise ValueError(f"must have a host name of letters, digits, dots and dashes, or an address; {host} is neither")


def _is_name(host: str) -> bool:
    return len(host.removesuffix(".")) <= MAX_HOST_LENGTH and HOST_NAME.fullmatch(host) is not None


def _reads_as_ipv4(host: str) -> bool:
    """Whether a resolver would read the name as a number, as it does `127.1`, `0x7f000001` and `2130706433`."""
    last = host.rstrip(".").rsplit(".", 1)[-1]
    return last.isdigit() or last[:2] == "0x"
