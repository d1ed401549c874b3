"""Takes the port before anything else is imported or started, so that a taken port is reported at once."""

import socket


class PortTaken(OSError):
    """Another process listens on the gateway's port."""


def listen(port: int = 0) -> socket.socket:
    """Listen on a port of 127.0.0.1, 0 for any free one; connections wait until a server accepts them.

    Raises:
        PortTaken: the port is taken; the message names it.
    """
    # asyncio turns off Nagle's algorithm only on sockets that name their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise PortTaken(f"Port {port} of 127.0.0.1 is taken; choose another one with PORT=...") from error
    return listener
