"""Rates per caller, counted in Redis. Limits that guard money stand in the database besides."""

from collections.abc import Callable
from functools import partial
from typing import Any

import redis
import structlog
from redis.commands.core import Script
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle

from shop.work.redis_client import Asked, redis_client

logger = structlog.get_logger(__name__)

# The times of the caller's latest requests, the newest first. One that is allowed is added; of one that is not,
# the time of the oldest is returned, from which the wait follows.
_ALLOW = """
local oldest = redis.call('LINDEX', KEYS[1], -1)
while oldest and tonumber(oldest) <= tonumber(ARGV[1]) - tonumber(ARGV[2]) do
    redis.call('RPOP', KEYS[1])
    oldest = redis.call('LINDEX', KEYS[1], -1)
end
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[3]) then return oldest end
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2])))
return false
"""

# Redis knows a script by its digest; only one that was emptied is told the whole again.
_allow = Script(redis.Redis(), _ALLOW)


class Scoped(ScopedRateThrottle):
    """The rate named by a view's ``throttle_scope``; a view without one is not limited here.

    Counts what changes something, per account where there is one, else per address; reading is free.
    The window slides. One question to Redis; while it is away nobody is refused here.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether the caller may go on now; true where the view looks later (:func:`require_rate`)."""
        self.scope = getattr(view, self.scope_attr, None)
        if request.method in SAFE_METHODS or not self.scope:
            return True
        self.num_requests, self.duration = self.parse_rate(self.get_rate())
        if self.num_requests is None or self.duration is None:
            return True
        key = f"linjia:rate:{self.get_cache_key(request, view)}"
        self.now = self.timer()
        bounds = (f"{self.now:.6f}", self.duration, self.num_requests)

        def count() -> Any:
            return _allow(keys=[key], args=bounds, client=redis_client())

        if getattr(view, "looks_at_rate_later", False):
            asked = Asked(("EVALSHA", _allow.sha, 1, key, *bounds), count)
            request.wait_of_rate = partial(self._look, asked.answer)  # type: ignore[attr-defined]
            return True
        self.wait_seconds = self._look(count)
        return self.wait_seconds is None

    def wait(self) -> float | None:
        """Return after how many seconds the oldest counted request is forgotten."""
        return self.wait_seconds

    def _look(self, answer: Callable[[], Any]) -> float | None:
        """Return how many seconds the caller must wait, None when she need not."""
        try:
            oldest = answer()
        except redis.RedisError as error:
            logger.warning("rates_away", error=type(error).__name__)
            return None
        return float(oldest) + (self.duration or 0) - self.now if oldest else None


def limited(scope: str, *, later: bool = False) -> Callable[[Any], Any]:
    """Name the rate that bounds a view; stands above ``api_view``.

    ``later``: the view works on while Redis counts, and looks by :func:`require_rate` before it writes anything.
    """

    def name(view: Any) -> Any:
        view.cls.throttle_scope = scope
        view.cls.looks_at_rate_later = later
        return view

    return name


def require_rate(request: Request) -> None:
    """Raise ``Throttled`` when the caller of a view that looks later asked too often."""
    wait_of_rate = getattr(request, "wait_of_rate", None)
    wait = wait_of_rate() if wait_of_rate else None
    if wait is not None:
        raise Throttled(wait)
