"""Which addresses a receiver's host has, and that none of them may lead inside."""

import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from jobs_api.model.webhook_url import Address, is_allowed, is_public
from jobs_api.notifications.webhook.deadline import Deadline, in_time

# Limits each address, so that a name with many dead addresses cannot use up the time of a working one.
MOST_ADDRESSES: Final = 3
NO_PUBLIC_ADDRESS: Final = "the host name could not be resolved, or leads to a private, local or reserved address"

type Resolve = Callable[[str, int], list[Address]]


class Refused(Exception):
    """No webhook may be sent to this URL; trying again cannot help."""


class LeadsInside(Refused):
    """The host's name has an address that is not public. It is reported and tried again like a name without any.

    Otherwise the author of a job could find out which names exist inside the network, and their addresses.
    """

    def __init__(self) -> None:
        super().__init__(NO_PUBLIC_ADDRESS)


def resolved(host: str, port: int) -> list[Address]:
    """Ask the system for a name's addresses, once; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope such as %eth0 is only for link-local addresses, which are refused in any case.
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def public_addresses(host: str, port: int, resolve: Resolve, deadline: Deadline) -> list[Address]:
    """Resolve a host within the deadline and check its addresses; one that is not public forbids the host."""
    addresses = in_time(lambda: resolve(host, port), deadline)
    if not is_allowed(host, port) and not all(map(is_public, addresses)):
        raise LeadsInside
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return addresses[:MOST_ADDRESSES]
