"""A usage plan as API Gateway keeps it: a bucket of requests for each API key, which fills again at a steady rate."""

import threading
import time
from collections.abc import Callable

from local.gateway.answers import GatewayRefusal
from local.gateway.definition import UsagePlan


class Throttle:
    """Counts the requests of each key, of keys that an authorizer names (`usageIdentifierKey`).

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html
    """

    def __init__(
        self, plan: UsagePlan | None, knows: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the plan and what tells whether it has a key; `clock` gives seconds."""
        self._plan = plan
        self._knows = knows
        self._clock = clock
        self._lock = threading.Lock()
        # For each key what was left in its bucket, and when that was.
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str | None) -> None:
        """Count one request.

        Raises:
            GatewayRefusal: 429 where the key's bucket is empty, 403 without a key or with one not in the plan.
        """
        if self._plan is None or not key or not (key in self._buckets or self._knows(key)):
            raise GatewayRefusal("INVALID_API_KEY", "Forbidden")
        with self._lock:
            now = self._clock()
            left, then = self._buckets.get(key, (float(self._plan.burst), now))
            left = min(self._plan.burst, left + (now - then) * self._plan.rate)
            self._buckets[key] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            raise GatewayRefusal("THROTTLED", "Too Many Requests")
