"""How long a process waits for PostgreSQL, measured on our side.

`statement_timeout` is the server's promise; a server that is frozen, or behind a network that swallows its answers,
keeps no promise, and libpq waits for ever. psycopg2 lets a callback do the waiting: it gives up, the connection is
closed, and the error is the one of a lost connection.

Besides, a request has a budget: many answers that are each a little slow add up to a person who waits too long.
"""

import select
import threading
import time
from collections.abc import Callable

import psycopg2
from django.http import HttpRequest, HttpResponse
from psycopg2 import extensions

# What a request for a page or of the API may wait for PostgreSQL in all; seconds. With one that waits for a free
# thread behind it, and then asks in doubt, it stays under five.
REQUEST_SECONDS = 4.0
# The back offices search and export; there one statement's limit is enough.
UNHURRIED = ("/admin/", "/supplier/")
# Once PostgreSQL was silent, the next ones ask shortly until it speaks again; seconds.
DOUBT_SECONDS = 0.6


class NoAnswer(psycopg2.OperationalError):
    """PostgreSQL was silent for longer than it may."""


class _Budget(threading.local):
    """When this thread's request must be answered, by the monotonic clock."""

    until: float | None = None


class _Doubt:
    """Whether PostgreSQL was silent the last time this process asked."""

    is_on = False


_budget = _Budget()


def limit_waiting(seconds: float) -> None:
    """Let no connection of this process wait longer than `seconds` for an answer, connecting included."""
    extensions.set_wait_callback(lambda connection: _wait(connection, seconds))


def wait_for_ever() -> None:
    """Undo it."""
    extensions.set_wait_callback(None)
    _Doubt.is_on = False


class RequestBudgetMiddleware:
    """Gives every request its budget; outermost, so that sessions and sign-in share it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _budget.until = None if request.path.startswith(UNHURRIED) else time.monotonic() + REQUEST_SECONDS
        try:
            return self.get_response(request)
        finally:
            _budget.until = None


def _wait(connection: extensions.connection, seconds: float) -> None:
    deadline = time.monotonic() + (min(DOUBT_SECONDS, seconds) if _Doubt.is_on else seconds)
    if _budget.until is not None:
        deadline = min(deadline, _budget.until)
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            _Doubt.is_on = False
            return
        if state not in (extensions.POLL_READ, extensions.POLL_WRITE):
            raise psycopg2.OperationalError(f"unexpected state of the connection: {state}")
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        if left <= 0 or not poll.poll(left * 1000):
            _Doubt.is_on = True
            raise NoAnswer(f"PostgreSQL did not answer within {seconds:.1f} s")
