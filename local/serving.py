"""A uvicorn server that sleeps while nobody asks: it wakes once a second for its Date header, instead of ten times."""

import asyncio
import socket
import threading
from contextlib import suppress

import uvicorn


class Server(uvicorn.Server):
    """A server for an event loop of its own, which other threads may end."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Serve as `config` says, once `serve` runs."""
        super().__init__(config)
        self._ends = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Return once the server should end."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ends.wait(), 1)

    def end(self) -> None:
        """End the server now, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            # A loop that has ended needs no call.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ends.set)


class ServerThread:
    """A server in a thread of its own, on a socket that listens already."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, name: str) -> None:
        """Serve as `config` says, once `start` is called."""
        self._server = Server(config)
        self._socket = listener
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        """Start serving; connections that arrived earlier are answered now."""
        self._thread.start()

    def end(self, seconds: float | None = None) -> None:
        """Stop listening, and wait for open requests, at most for so many seconds."""
        self._server.end()
        self._thread.join(seconds)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))
