"""Rates per caller, counted in Redis. Limits that guard money stand in the database besides."""

from collections.abc import Callable
from typing import Any

import redis
import structlog
from redis.commands.core import Script
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle

from shop.work.redis_client import redis_client

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
        """Return whether the caller may go on now."""
        self.scope = getattr(view, self.scope_attr, None)
        if request.method in SAFE_METHODS or not self.scope:
            return True
        self.num_requests, self.duration = self.parse_rate(self.get_rate())
        if self.num_requests is None or self.duration is None:
            return True
        key = f"linjia:rate:{self.get_cache_key(request, view)}"
        self.now = self.timer()
        try:
            bounds = (f"{self.now:.6f}", self.duration, self.num_requests)
            oldest: Any = _allow(keys=[key], args=bounds, client=redis_client())
        except redis.RedisError as error:
            logger.warning("rates_away", error=type(error).__name__)
            return True
        self.history = [float(oldest)] if oldest else []
        return not oldest

    def wait(self) -> float | None:
        """Return after how many seconds the oldest counted request is forgotten."""
        return self.history[-1] + (self.duration or 0) - self.now if self.history else None


def limited(scope: str) -> Callable[[Any], Any]:
    """Name the rate that bounds a view; stands above ``api_view``."""

    def name(view: Any) -> Any:
        view.cls.throttle_scope = scope
        return view

    return name
