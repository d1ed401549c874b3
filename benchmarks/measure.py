"""The base of all benchmarks: figures with budgets, and a record of a function's calls to AWS and the cluster."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.client
import urllib3

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Figure:
    """One measured value and its budget, if it has one."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False  # the budget is a minimum

    def __str__(self) -> str:
        """Return the figure as one line of a report."""
        line = f"  {self.name:<44} {_number(self.value):>9} {self.unit:<5}"
        if self.budget is None:
            return line.rstrip()
        within = self.value >= self.budget if self.at_least else self.value <= self.budget
        bound = "at least" if self.at_least else "at most"
        ratio = self.value / self.budget if self.budget else float(self.value)
        return f"{line} {bound} {_number(self.budget):>7}   {ratio:5.2f} x   {'within' if within else 'OVER'}"


def report(title: str, figures: Sequence[Figure], *notes: str) -> None:
    """Print figures with their budgets, the ratio of the two, and how busy the machine is."""
    busy = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(
        f"\n{title} ({busy})",
        *(str(figure) for figure in figures),
        *(f"  {note}" for note in notes),
        sep="\n",
        flush=True,
    )


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) < 1 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def seconds(action: Callable[[], Any]) -> float:
    """Run something once and return how long it took."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


@dataclass(frozen=True)
class Call:
    """One call to AWS or to the cluster, with its elapsed time and this process' processor time."""

    name: str
    seconds: float
    processor_seconds: float


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """Collect the calls to AWS and to a cluster that are made inside; clear the list to start again.

    A call's time includes everything that the client library does, from its arguments to its parsed answer.
    """
    calls: list[Call] = []

    def recording(original: Callable[..., Any], name_of: Callable[..., str]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            begun, worked = time.perf_counter(), time.process_time()
            try:
                return original(*args, **kwargs)
            finally:
                taken = time.perf_counter() - begun, time.process_time() - worked
                calls.append(Call(name_of(*args, **kwargs), *taken))

        return call

    aws = botocore.client.BaseClient
    # The Kubernetes client sends all requests through this; botocore has its own pool.
    cluster = urllib3.PoolManager
    with (
        mock.patch.object(aws, "_make_api_call", recording(aws._make_api_call, lambda _, name, *__: name)),  # type: ignore[attr-defined]  # noqa: SLF001
        mock.patch.object(cluster, "request", recording(cluster.request, _cluster_call)),
    ):
        yield calls


def _cluster_call(_: urllib3.PoolManager, method: str, url: str, *__: Any, **___: Any) -> str:
    """Name a call by its method and the path after the namespace, such as `GET pods/{name}/log`."""
    in_namespace = urlsplit(url).path.partition("/namespaces/")[2]
    resource, *names = in_namespace.split("/")[1:]
    return f"{method} {'/'.join([resource, *(['{name}'] if names else []), *names[1:]])}"
