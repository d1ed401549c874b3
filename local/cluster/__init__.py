"""A Kubernetes cluster in one process: its API, its Job controllers, and a kubelet that runs real processes."""

import asyncio
import contextlib
import logging
import socket
import threading
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from local import private_files
from local.cluster import serving
from local.cluster.api import app
from local.cluster.api.faults import Faults
from local.cluster.api.pages import Pages
from local.cluster.clock import Clock
from local.cluster.controllers import Controllers
from local.cluster.database import Database, UnusableDatabase
from local.cluster.errors import ApiError
from local.cluster.kubelet import Kubelet
from local.cluster.namespaces import furnish
from local.cluster.rules.admission import Rules
from local.cluster.service_accounts import TokenIssuer
from local.cluster.storage import Storage

_log = logging.getLogger(__name__)


class EmbeddedCluster:
    """The cluster, in a thread of its own while it is started, which can be once.

    `home` holds what it writes (kubeconfig, certificates, the pods' folders and logs), `images` the folders that pods
    can run. Port 0 lets the system choose; `url` and `kubeconfig` are valid once started. With `keep` the objects are
    stored in `home`/cluster, and the next cluster in the same home has them again, even if this one is killed. What ran
    before does not run any more, as on a node that went down. The cluster was stopped from `stopped_at` to
    `started_at`; `stopped_at` is None in a new home and after a call of `stop_is_noted`. A start waits for
    `patience_seconds` where another process still uses the home's objects.
    """

    # How often the cluster records that it is alive, as a kubelet renews its lease.
    ALIVE_EVERY_SECONDS = 10.0

    def __init__(
        self,
        home: Path,
        images: Path,
        clock: Clock | None = None,
        port: int = 0,
        *,
        keep: bool = False,
        patience_seconds: float = 0.0,
    ) -> None:
        self.kubeconfig = home / "kubeconfig"
        self.url = ""
        self.clock = clock or Clock()
        self.storage = Storage(self.clock, Rules())
        self.faults: Faults | None = None
        self.stopped_at: datetime | None = None
        self.started_at = self.clock.now()
        self._went_down_at: datetime | None = None
        self._kept: Database | None = None
        self._home = home
        self._images = images
        self._port = port
        self._keep = keep
        self._patience_seconds = patience_seconds
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: Exception | None = None
        self._pages: Pages | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return once the API answers; raises the error that prevented the start."""
        self._thread = threading.Thread(target=self._run, name="embedded-cluster", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """End every pod, then the API; return once both have ended."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    def compact(self) -> None:
        """Drop old versions, as etcd does every five minutes: continue tokens in use expire."""
        if self._loop is None or self._pages is None:
            raise RuntimeError("the cluster has not been started")
        self._loop.call_soon_threadsafe(self._pages.forget)

    def lag(self, *, lags: bool = True) -> None:
        """Freeze the watch cache, which answers lists with resourceVersion=0; or let it follow the storage again."""
        if self._loop is None or self._pages is None:
            raise RuntimeError("the cluster has not been started")
        pages = self._pages

        async def hold() -> None:
            pages.hold(held=lags)

        asyncio.run_coroutine_threadsafe(hold(), self._loop).result()

    def stop_is_noted(self) -> None:
        """Forget the stop, so that the next cluster in this home does not report it again; on a full disk it does."""

        def forget() -> None:
            if self._kept:
                with contextlib.suppress(ApiError):
                    self._kept.stop_is_noted()

        if self._loop:
            self._loop.call_soon_threadsafe(forget)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - start() raises it, or it is logged here
            if self._started.is_set():
                _log.exception("the embedded cluster has broken down")
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), (stop := asyncio.Event())
        private_files.folder(self._home)
        credentials = serving.issue(self._home, keep=self._keep)
        self._kept = self._database() if self._keep else None
        try:
            await self._run_parts(credentials, serving.listen(self._port), stop)
        finally:
            if self._kept:
                self._kept.close()

    def _database(self) -> Database:
        path = self._home / "cluster" / "objects.sqlite"
        known = path.exists()
        database = Database(path, self.clock.now(), self._patience_seconds)
        try:
            self.storage.keep_in(database)
            if known:
                self._went_down_at = database.alive_at
                database.begin()
                self.stopped_at = database.stopped_at
        except BaseException as error:
            database.close()
            if isinstance(error, ApiError):
                raise UnusableDatabase(error.message) from error
            raise
        return database

    async def _run_parts(self, credentials: serving.Credentials, listening: socket.socket, stop: asyncio.Event) -> None:
        self.started_at = self.clock.now()
        controllers = Controllers(self.storage, self.clock)
        tokens = TokenIssuer(self._home / "pki" / "sa.key" if self._keep else None)
        kubelet = Kubelet(self.storage, self.clock, self._images, self._home, tokens, went_down_at=self._went_down_at)
        application, self.faults = app.build(self.storage, kubelet, credentials.token, tokens)
        self._pages = application.state.pages
        server = serving.server(self.faults, credentials)
        self.url = f"https://{serving.HOST}:{listening.getsockname()[1]}"
        serving.write_kubeconfig(self.kubeconfig, self.url, credentials)
        furnish(self.storage, credentials.authority.read_text())
        async with asyncio.TaskGroup() as tasks:
            working = [
                tasks.create_task(controllers.run()),
                tasks.create_task(kubelet.run()),
                tasks.create_task(self._keep_house()),
            ]
            serving_task = tasks.create_task(server.serve(sockets=[listening]))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            self._started.set()
            await stop.wait()
            # Otherwise a run that ends now would make room for the next one, whose slot should be missed.
            controllers.start_no_more()
            # The API ends after the pods, so that a client that follows a log sees the log's end.
            await kubelet.stop()
            await controllers.idle()
            application.state.watches.end()
            await serving.end(server)
            await serving_task
            for task in working:
                task.cancel()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(self.ALIVE_EVERY_SECONDS)
            self.storage.rest()
            if self._kept:
                # A write to a full disk raises its own error.
                with contextlib.suppress(ApiError):
                    self._kept.touch(self.clock.now())
