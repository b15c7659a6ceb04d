"""The cache in Redis, which may be away: then nothing is known and nothing is kept, quickly.

No decision about money rests on it, so a page without its cache is better than an error.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = structlog.get_logger(__name__)

# After a failure Redis is left alone for a while, so that an outage does not slow every page; seconds.
PAUSE_SECONDS = 2.0
# One answer of Redis; seconds. What takes longer is slower than doing without.
OPTIONS = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "health_check_interval": 30,
    "retry": Retry(NoBackoff(), 0),
}


class _Rest:
    """When Redis may be asked again, by the monotonic clock; per process, for speed only."""

    until = 0.0


def _unless_away(name: str, answer: Callable[..., Any]) -> Any:
    plain = getattr(RedisCache, name)

    @wraps(plain)
    def asked(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() < _Rest.until:
            return answer(*args, **kwargs)
        try:
            return plain(self, *args, **kwargs)
        except (RedisError, OSError) as error:
            _Rest.until = time.monotonic() + PAUSE_SECONDS
            logger.warning("cache_away", error=type(error).__name__)
            return answer(*args, **kwargs)

    return asked


class PatientRedisCache(RedisCache):
    """Django's cache in Redis; while Redis is away it is empty and takes everything without keeping it."""

    get = _unless_away("get", lambda key, default=None, version=None: default)
    get_many = _unless_away("get_many", lambda *_args, **_kwargs: {})
    has_key = _unless_away("has_key", lambda *_args, **_kwargs: False)
    set = _unless_away("set", lambda *_args, **_kwargs: None)
    set_many = _unless_away("set_many", lambda *_args, **_kwargs: [])
    # Whoever adds first wins; without a cache everybody is first.
    add = _unless_away("add", lambda *_args, **_kwargs: True)
    touch = _unless_away("touch", lambda *_args, **_kwargs: False)
    delete = _unless_away("delete", lambda *_args, **_kwargs: False)
    delete_many = _unless_away("delete_many", lambda *_args, **_kwargs: None)

    def ping(self) -> None:
        """Ask Redis itself whether it is there. Raises ``RedisError`` or ``OSError``."""
        self._cache.get_client(None, write=True).ping()
