"""Row locks, taken late, once, and always in primary-key order."""

import functools
import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, connection, models, transaction

M = TypeVar("M", bound=models.Model)
P = ParamSpec("P")
R = TypeVar("R")

# deadlock_detected, serialization_failure, lock_not_available
_CONTENTION = frozenset({"40P01", "40001", "55P03"})


def lock_rows(rows: models.QuerySet[M]) -> list[M]:
    """Lock and return the rows in primary-key order. Call it late, and once per kind of row.

    ``NO KEY`` lets others insert rows that point here meanwhile. Raises
    ``TransactionManagementError`` outside a transaction.
    """
    return list(rows.order_by("pk").select_for_update(of=("self",), no_key=True))


def retry_on_contention(attempts: int = 3) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run the decorated function again when PostgreSQL chose it as a deadlock's or a lock's victim.

    Only the outermost transaction may be run again: inside another one the error passes through.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            for attempt in range(1, attempts + 1):
                try:
                    return function(*args, **kwargs)
                except DatabaseError as error:
                    code = getattr(error.__cause__, "pgcode", None)
                    nested = connection.in_atomic_block
                    if code not in _CONTENTION or nested or attempt == attempts:
                        raise
                    # Jitter, so that two victims do not meet again; seconds.
                    time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - no secret
            raise AssertionError("unreachable")

        return wrapper

    return decorate


def require_transaction() -> None:
    """Raise ``TransactionManagementError`` unless the caller opened a transaction."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("this must run inside transaction.atomic()")


def require_no_transaction() -> None:
    """Raise ``TransactionManagementError`` inside a transaction: whoever waits for somebody else's answer holds no lock.

    As with ``atomic(durable=True)``, the transaction that a test puts around everything does not count.
    """
    blocks: list[Any] = connection.atomic_blocks
    if blocks and not blocks[-1]._from_testcase:  # noqa: SLF001 - as Django asks it itself
        raise transaction.TransactionManagementError("nobody outside is waited for inside a transaction")
