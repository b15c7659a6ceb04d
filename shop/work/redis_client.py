"""One connection to Redis for each thread that asks it short questions in the middle of a request."""

import threading
from collections.abc import Callable
from typing import Any, cast

import redis
from django.conf import settings

# What takes longer is slower than doing without; seconds.
_TIMEOUT_SECONDS = 0.5


class _Clients(threading.local):
    """A thread's clients by address, and its questions whose answers it has not fetched."""

    def __init__(self) -> None:
        self.by_url: dict[str, redis.Redis] = {}
        self.asked: list[Asked] = []


class Asked:
    """A question on its way. The thread that asked it does something else meanwhile, and fetches the answer then.

    Waiting costs two changes of the running process, which under load is more than the question itself. ``again`` asks
    the usual way, where the connection or what Redis should know was lost.
    """

    def __init__(self, words: tuple[Any, ...], again: Callable[[], Any]) -> None:
        self._again = again
        self._answer: Any = None
        self._error: redis.RedisError | None = None
        self._is_open = False
        try:
            self._client = redis_client()
            # Its only one; a thread shares it with nobody.
            self._connection = cast(Any, self._client.connection)
            self._connection.send_command(*words)
        except redis.RedisError as error:
            self._error = error
        else:
            self._is_open = True
            _clients.asked.append(self)

    def answer(self) -> Any:
        """Return the answer. Raises ``redis.RedisError``."""
        self.fetch()
        if isinstance(self._error, redis.ConnectionError | redis.exceptions.NoScriptError):
            self._error = None
            self._answer = self._again()
        if self._error is not None:
            raise self._error
        return self._answer

    def fetch(self) -> None:
        """Take the answer off the connection, if that is still to be done."""
        if not self._is_open:
            return
        self._is_open = False
        _clients.asked.remove(self)
        try:
            if self._connection._sock is None:  # noqa: SLF001 - redis-py has no public word for it
                raise redis.ConnectionError("closed before it answered")
            self._answer = self._connection.read_response()
        except redis.RedisError as error:
            self._error = error


_clients = _Clients()


def redis_client() -> redis.Redis:
    """Return this thread's client. It holds one connection: taking one from a pool takes as long as a question."""
    # Answers come in the order of the questions: nobody shall read another's.
    for one in list(_clients.asked):
        one.fetch()
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
