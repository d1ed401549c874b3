"""A usage plan as API Gateway applies it: a token bucket for each API key."""

import threading
import time
from collections.abc import Callable

from local.gateway.answers import GatewayRefusal
from local.gateway.definition import Limit, UsagePlan


class Throttle:
    """Counts the requests of each API key; an authorizer names the key (`usageIdentifierKey`).

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html

    A method with its own limit has its own bucket for each key, and a request to it counts in both buckets. AWS does
    not document whether it counts in both.
    """

    def __init__(
        self, plan: UsagePlan | None, knows: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Use `plan`; `knows` tells whether the plan has a key, `clock` returns seconds."""
        self._plan = plan
        self._knows = knows
        self._clock = clock
        self._lock = threading.Lock()
        # For each key, and for each key and method: how many requests were left in its bucket, and when.
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, key: str | None, method: str = "") -> None:
        """Count one request to a method, named as in the plan.

        Raises:
            GatewayRefusal: 429 if one of the buckets is empty, 403 without a key or with a key outside the plan.
        """
        if self._plan is None or not key or not ((key, "") in self._buckets or self._knows(key)):
            raise GatewayRefusal("INVALID_API_KEY", "Forbidden")
        limits = self._plan.limits(method)
        with self._lock:
            now = self._clock()
            left = {name: self._tokens_left((key, name), limit, now) for name, limit in limits.items()}
            enough = min(left.values()) >= 1
            for name, count in left.items():
                self._buckets[key, name] = (count - 1 if enough else count, now)
        if not enough:
            raise GatewayRefusal("THROTTLED", "Too Many Requests")

    def _tokens_left(self, bucket: tuple[str, str], limit: Limit, now: float) -> float:
        left, then = self._buckets.get(bucket, (float(limit.burst), now))
        return min(limit.burst, left + (now - then) * limit.rate)
