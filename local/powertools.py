"""Stores Powertools' data about a request for each invocation, because many invocations run in this process.

In Lambda a process handles one event at a time, so Powertools stores the current event and context on a class that all
resolvers share, and log keys on one formatter for each service. Threads would read each other's data.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

LAMBDA_CONTEXT: ContextVar[Any] = ContextVar("LAMBDA_CONTEXT")
"""The context object of the invocation that runs in this thread."""


def isolate_invocations() -> None:
    """Change Powertools so that concurrent invocations share no state; a second call changes nothing.

    It depends on `local.functions`, which gives each concurrent invocation its own copy of the function's module, with
    its resolver, and its own `contextvars` context.
    """
    resolver: Any = ApiGatewayResolver
    if not getattr(resolver._to_proxy_event, "isolated", False):  # noqa: SLF001  # Powertools has no hook for it
        resolver._to_proxy_event = _kept_on_the_resolver(resolver._to_proxy_event)  # noqa: SLF001
    # Log keys: the thread-safe versions of these methods store them in a context variable.
    formatter: Any = LambdaPowertoolsFormatter
    formatter.append_keys = formatter.thread_safe_append_keys
    formatter.remove_keys = formatter.thread_safe_remove_keys


def _kept_on_the_resolver(original: Callable[[Any, dict[str, Any]], Any]) -> Callable[[Any, dict[str, Any]], Any]:
    def to_proxy_event(self: Any, event: dict[str, Any]) -> Any:
        proxy = original(self, event)
        context = LAMBDA_CONTEXT.get(None)
        if context is None:
            # Without an invocation, somebody calls the handler directly and sets the event on the class.
            vars(self).pop("current_event", None)
            vars(self).pop("lambda_context", None)
        else:
            # Attributes of the instance take precedence over those of the class.
            self.current_event, self.lambda_context = proxy, context
        return proxy

    to_proxy_event.isolated = True  # type: ignore[attr-defined]
    return to_proxy_event
