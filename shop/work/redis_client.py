"""One connection to Redis for each thread that asks it short questions in the middle of a request."""

import threading

import redis
from django.conf import settings

# What takes longer is slower than doing without; seconds.
_TIMEOUT_SECONDS = 0.5


class _Clients(threading.local):
    """A thread's clients by address."""

    def __init__(self) -> None:
        self.by_url: dict[str, redis.Redis] = {}


_clients = _Clients()


def redis_client() -> redis.Redis:
    """Return this thread's client. It holds one connection: taking one from a pool takes as long as a question."""
    url = settings.LINJIA_REDIS_URL
    client = _clients.by_url.get(url)
    if client is None:
        client = _clients.by_url[url] = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            single_connection_client=True,
        )
    return client
