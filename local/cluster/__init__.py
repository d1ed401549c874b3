"""A Kubernetes cluster in one process: its API, its Job controllers, and a kubelet that runs real processes."""

import asyncio
import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from local.cluster import serving
from local.cluster.api import app
from local.cluster.api.faults import Faults
from local.cluster.clock import Clock
from local.cluster.controllers import Controllers
from local.cluster.kubelet import Kubelet
from local.cluster.rules.admission import Rules
from local.cluster.storage import Storage

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class EmbeddedCluster:
    """The cluster, in a thread of its own while it is started.

    `home` holds what it writes (kubeconfig, certificates, the pods' folders and logs), `images` the folders that pods
    can run. Port 0 lets the system choose; `url` and `kubeconfig` are valid once started.
    """

    def __init__(self, home: Path, images: Path, clock: Clock | None = None, port: int = 0) -> None:
        self.kubeconfig = home / "kubeconfig"
        self.url = ""
        self.clock = clock or Clock()
        self.storage = Storage(self.clock, Rules())
        self.faults: Faults | None = None
        self._home = home
        self._images = images
        self._port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return once the API answers; raises what kept it from starting."""
        self._thread = threading.Thread(target=self._run, name="embedded-cluster", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """End every pod, then the API; return once nothing is left of either."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        credentials, listening = serving.issue(self._home), serving.listen(self._port)
        kubelet = Kubelet(self.storage, self.clock, self._images, self._home)
        application, self.faults = app.build(self.storage, kubelet, credentials.token)
        server = serving.server(self.faults, credentials)
        self.url = f"https://{serving.HOST}:{listening.getsockname()[1]}"
        serving.write_kubeconfig(self.kubeconfig, self.url, credentials)
        for name in _NAMESPACES:
            self.storage.create("namespaces", {"metadata": {"name": name}})
        async with asyncio.TaskGroup() as tasks:
            working = [
                tasks.create_task(Controllers(self.storage, self.clock).run()),
                tasks.create_task(kubelet.run()),
            ]
            serving_task = tasks.create_task(server.serve(sockets=[listening]))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            self._started.set()
            await self._stop.wait()
            # The API outlives the pods, so that who follows a log sees its end.
            await kubelet.stop()
            application.state.watches.end()
            await serving.end(server)
            await serving_task
            for task in working:
                task.cancel()
