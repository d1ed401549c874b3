"""Runs Lambda handlers in this process as Lambda would: each concurrent event has a warm environment of its own."""

import contextvars
import importlib.util
import json
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import ModuleType
from typing import Any

from local.emulator.errors import STORE_TROUBLE
from local.powertools import LAMBDA_CONTEXT, isolate_invocations
from local.template import FunctionSpec

type Handler = Callable[[Any, "LambdaContext"], Any]

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
# The template's limit for the function that waits longest, the sender of webhooks. More environments would only wait
# for each other, because the interpreter runs one thread at a time.
_DEFAULT_CONCURRENCY = 20

_loading = threading.RLock()


class HandlerFailed(Exception):
    """The handler raised, or returned an answer that Lambda would not pass on."""

    def __init__(self, error_type: str, message: str) -> None:
        """Store what Lambda would report as errorType and errorMessage."""
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message


@dataclass(frozen=True)
class LambdaContext:
    """A handler's second argument, with Lambda's own names."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """The log group in which CloudWatch would store the function's log."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the function's timeout, never below zero."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Function:
    """One function and its warm execution environments."""

    def __init__(self, spec: FunctionSpec) -> None:
        """Prepare Powertools for concurrent invocations; the first event loads the handler."""
        isolate_invocations()
        self.spec = spec
        self.concurrency = spec.reserved_concurrency or _DEFAULT_CONCURRENCY
        self._free = threading.Semaphore(self.concurrency)
        self._warm: list[Handler] = []

    def preload(self) -> None:
        """Load one environment before the first event."""
        if not self._warm:
            self._warm.append(self._cold_start())

    def invoke(self, event: Any, *, request_id: str | None = None) -> Any:
        """Run the handler on an event and return its answer, both converted to JSON and back.

        Waits while as many events run as the function's concurrency allows.

        Raises:
            HandlerFailed: the handler raised or could not be imported, or its answer is not JSON or is over 6 MB.
        """
        with self._free:
            try:
                handler = self._warm.pop()
            except IndexError:
                handler = self._cold_start()
            try:
                return contextvars.Context().run(self._run, handler, event, request_id or str(uuid.uuid4()))
            finally:
                self._warm.append(handler)

    def _run(self, handler: Handler, event: Any, request_id: str) -> Any:
        context = LambdaContext(
            function_name=self.spec.name,
            invoked_function_arn=self.spec.arn,
            memory_limit_in_mb=str(self.spec.memory_mb),
            aws_request_id=request_id,
            deadline=time.monotonic() + self.spec.timeout_seconds,
        )
        LAMBDA_CONTEXT.set(context)
        trouble: list[str] = []
        STORE_TROUBLE.set(trouble)
        try:
            answer = handler(json.loads(json.dumps(event)), context)
        except Exception as error:
            # Lambda writes it to the function's log too.
            print(f"[ERROR] {self.spec.name} {request_id}\n{traceback.format_exc()}")  # noqa: T201
            raise HandlerFailed(type(error).__name__, str(error)) from error
        if trouble:
            answer = _with_reason(answer, trouble[0])
        try:
            payload = json.dumps(answer)
        except (TypeError, ValueError) as error:
            raise HandlerFailed("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            raise HandlerFailed("Function.ResponseSizeTooLarge", "Response payload size exceeded 6291556 bytes.")
        return json.loads(payload)

    def _cold_start(self) -> Handler:
        module_name, _, attribute = self.spec.handler.rpartition(".")
        path = self.spec.code / f"{module_name.replace('.', '/')}.py"
        # Every copy has the name by which the rest of the project imports the module, because Powertools builds
        # idempotency keys from that name.
        name = ".".join((*self.spec.code.parts[-2:], module_name))
        try:
            with _loading:
                handler: Handler = getattr(_load_copy(name, path), attribute)
        except Exception as error:
            print(f"[ERROR] {self.spec.name}\n{traceback.format_exc()}")  # noqa: T201
            raise HandlerFailed("Runtime.ImportModuleError", str(error)) from error
        return handler


def _with_reason(answer: Any, trouble: str) -> Any:
    """Add to an answer of 500 which problem of this machine caused it; the service itself hides reasons."""
    if not isinstance(answer, dict) or answer.get("statusCode") != HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer
    return {**answer, "body": json.dumps({**json.loads(answer["body"]), "message": trouble})}


def _load_copy(name: str, path: Any) -> ModuleType:
    """Run a module's file again, without replacing the copy that others may have imported."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"There is no handler at {path}")
    module = importlib.util.module_from_spec(spec)
    imported = sys.modules.get(name)
    # While the module runs, its annotations are resolved by the module's name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        if imported is not None:
            sys.modules[name] = imported
    return module


class Functions:
    """The template's functions by name and by ARN."""

    def __init__(self, specs: list[FunctionSpec]) -> None:
        """Hold all functions, without loading them."""
        self._by_name = {spec.name: Function(spec) for spec in specs}

    def __iter__(self) -> Iterator[Function]:
        """Iterate over the functions."""
        return iter(self._by_name.values())

    def preload(self) -> None:
        """Load an environment of each function; log those that cannot be imported."""
        for function in self:
            with suppress(HandlerFailed):
                function.preload()

    def __getitem__(self, name_or_arn: str) -> Function:
        """Find a function by its name, its ARN or its alias' ARN, or an integration's URI, which contains the ARN."""
        _, _, name = name_or_arn.removesuffix("/invocations").rpartition(":function:")
        return self._by_name[name.partition(":")[0]]
