"""Runs Lambda handlers in this process as Lambda would: one warm environment for each event that runs at a time."""

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
# What the template allows the function that waits most, for other people's receivers. More environments would only
# wait for each other: the interpreter runs one thread at a time.
_DEFAULT_CONCURRENCY = 20

_loading = threading.RLock()


class HandlerFailed(Exception):
    """The handler raised, or gave an answer that Lambda would not pass on."""

    def __init__(self, error_type: str, message: str) -> None:
        """Keep what Lambda would report as errorType and errorMessage."""
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message


@dataclass(frozen=True)
class LambdaContext:
    """What a handler gets as its second argument, under Lambda's own names."""

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
        """Where CloudWatch would keep the function's log."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Give the time until the function's timeout, never below zero."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Function:
    """One function and its warm execution environments."""

    def __init__(self, spec: FunctionSpec) -> None:
        """Load nothing yet, as the first event does; from here on Powertools keeps invocations apart."""
        isolate_invocations()
        self.spec = spec
        self.concurrency = spec.reserved_concurrency or _DEFAULT_CONCURRENCY
        self._free = threading.Semaphore(self.concurrency)
        self._warm: list[Handler] = []

    def preload(self) -> None:
        """Have one environment ready before the first event."""
        if not self._warm:
            self._warm.append(self._cold_start())

    def invoke(self, event: Any, *, request_id: str | None = None) -> Any:
        """Run the handler on an event and give its answer, both as they look after a way through JSON.

        Waits while as many events run as the function may have at a time.

        Raises:
            HandlerFailed: it raised or could not be imported, or its answer is no JSON or over 6 MB.
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
            # Where Lambda writes it too: the function's log.
            print(f"[ERROR] {self.spec.name} {request_id}\n{traceback.format_exc()}")  # noqa: T201
            raise HandlerFailed(type(error).__name__, str(error)) from error
        if trouble:
            answer = _telling(answer, trouble[0])
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
        # The name under which the rest of the project imports it, and the same for every copy: Powertools makes
        # idempotency keys of it.
        name = ".".join((*self.spec.code.parts[-2:], module_name))
        try:
            with _loading:
                handler: Handler = getattr(_load_copy(name, path), attribute)
        except Exception as error:
            print(f"[ERROR] {self.spec.name}\n{traceback.format_exc()}")  # noqa: T201
            raise HandlerFailed("Runtime.ImportModuleError", str(error)) from error
        return handler


def _telling(answer: Any, trouble: str) -> Any:
    """Say in an answer of 500 what whoever asked can mend on their own machine, where the service hides its reasons."""
    if not isinstance(answer, dict) or answer.get("statusCode") != HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer
    return {**answer, "body": json.dumps({**json.loads(answer["body"]), "message": trouble})}


def _load_copy(name: str, path: Any) -> ModuleType:
    """Run a module's file anew, leaving the copy that others may have imported in its place."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"There is no handler at {path}")
    module = importlib.util.module_from_spec(spec)
    imported = sys.modules.get(name)
    # Annotations are looked up by the module's name while it runs.
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
        """Know them all, loading none."""
        self._by_name = {spec.name: Function(spec) for spec in specs}

    def __iter__(self) -> Iterator[Function]:
        """Give every function."""
        return iter(self._by_name.values())

    def preload(self) -> None:
        """Have an environment of each ready; one that cannot be imported says so in the log."""
        for function in self:
            with suppress(HandlerFailed):
                function.preload()

    def __getitem__(self, name_or_arn: str) -> Function:
        """Find one by its name, its ARN (that of an alias too), or an integration's URI, which has it within."""
        _, _, name = name_or_arn.removesuffix("/invocations").rpartition(":function:")
        return self._by_name[name.partition(":")[0]]
