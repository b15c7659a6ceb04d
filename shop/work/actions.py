"""Remembering work, claiming it, and saying how it went."""

import time
from datetime import datetime

import structlog
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shop.work.models import Due, DueState

logger = structlog.get_logger(__name__)

# How long a claim holds before another worker may take the row: longer than any gateway's time-out,
# short enough that a killed worker's rows are done within a minute.
LEASE_SECONDS = 40
_BACKOFF_MAX_SECONDS = 300
# After a bell that could not be rung.
_REST_SECONDS = 5.0

_CLAIM = """
UPDATE work_due SET claimed_until = clock_timestamp() + make_interval(secs => %s), attempts = attempts + 1
WHERE id IN (
    SELECT id FROM work_due
    WHERE what = %s AND state = 'open' AND due_at <= clock_timestamp()
      AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
    ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def remember(*, what: str, subject: str, due_at: datetime) -> None:
    """Write down that ``what`` must happen to ``subject`` at ``due_at``, in the caller's transaction.

    Asking again while it is open moves it to the earlier time; asking again while it is being done
    makes it due once more at the new time. Rings the doorbell after the commit when it is due now.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT work_remember(%s, %s, %s)", [what, subject, due_at])
        (is_due,) = cursor.fetchone()
    if is_due:
        ring_after_commit()


def forget(*, what: str, subject: str) -> None:
    """Cancel open work that its cause has made pointless."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT work_forget(ARRAY[%s], ARRAY[%s])", [what, subject])


def claim(*, what: str, limit: int) -> list[Due]:
    """Take up to ``limit`` due rows for this worker, oldest first; rows others hold are skipped."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, [LEASE_SECONDS, what, limit])
        ids = [row[0] for row in cursor.fetchall()]
    return list(Due.objects.filter(pk__in=ids).order_by("due_at", "pk"))


def done(due: Due) -> bool:
    """Mark a claimed row done; false when it was asked for anew meanwhile and stays open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE work_due SET state = 'done', done_at = clock_timestamp(), claimed_until = NULL "
            "WHERE id = %s AND claimed_until = %s",
            [due.pk, due.claimed_until],
        )
        return bool(cursor.rowcount == 1)


def failed(due: Due, error: str) -> None:
    """Put a claimed row back with a growing pause, or park it with its reason after too many tries."""
    if due.attempts >= settings.LINJIA_WORK_ATTEMPTS_MAX:
        park(due, error)
        return
    pause_seconds = min(5 * 2 ** (due.attempts - 1), _BACKOFF_MAX_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE work_due SET due_at = clock_timestamp() + make_interval(secs => %s), claimed_until = NULL, "
            "last_error = %s WHERE id = %s AND claimed_until = %s",
            [pause_seconds, error[:2000], due.pk, due.claimed_until],
        )


def park(due: Due, error: str) -> None:
    """Set a row aside with its reason; a person looks at it and asks for it anew."""
    Due.objects.filter(pk=due.pk, claimed_until=due.claimed_until).update(
        state=DueState.PARKED, claimed_until=None, last_error=error[:2000]
    )


class _Rest:
    """Until when no bell is rung, by the monotonic clock; per process, so that an outage does not slow every request."""

    until = 0.0


def ring_after_commit() -> None:
    """Ring the doorbell once when the present transaction commits."""
    if all(entry[1] is not _ring for entry in connection.run_on_commit):
        transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    if not settings.LINJIA_BELL:
        return
    if time.monotonic() < _Rest.until:
        return
    # Redis may be away: the sweep finds the work without a bell.
    try:
        current_app.send_task("shop.work.tasks.sweep", retry=False, expires=30)
    except (OperationalError, RedisError, OSError) as error:
        _Rest.until = time.monotonic() + _REST_SECONDS
        logger.warning("bell_away", error=str(error))
