"""Finding due work and handing it to its handlers.

Handlers are named by dotted path in ``settings.DUE_WORK`` because they live on higher floors.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from shop.work import actions
from shop.work.models import Due

logger = structlog.get_logger(__name__)

Handler = Callable[..., None]

# Few at a time: a slow or failing kind of work must not keep the others waiting.
BATCH = 10


def database_now() -> datetime:
    """Return the database's clock, the one that due times compare with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def run_due(*, rounds_max: int) -> int:
    """Do due work in rounds over all kinds, until nothing is due or the rounds are used up.

    Returns how many rows were done. A handler that raises has its row put back or parked; the
    others go on.
    """
    total = 0
    for _ in range(rounds_max):
        claimed = 0
        for what, path in settings.DUE_WORK.items():
            rows = actions.claim(what=what, limit=BATCH)
            claimed += len(rows)
            total += sum(_run(row, import_string(path)) for row in rows)
        if not claimed:
            break
    return total


def _run(row: Due, handler: Handler) -> bool:
    if row.attempts > settings.LINJIA_WORK_ATTEMPTS_MAX:
        # Claimed again and again and never answered for: whoever works on it falls dead.
        actions.park(row, f"its worker died {row.attempts - 1} times")
        return False
    try:
        handler(subject=row.subject, now=database_now())
    except Exception as error:
        logger.exception("due_work_failed", what=row.what, subject=row.subject, attempts=row.attempts)
        actions.failed(row, f"{type(error).__name__}: {error}")
        return False
    return actions.done(row)


def run_periodic() -> int:
    """Run every periodic task of ``settings.PERIODIC_WORK`` once, here and now; return their sum."""
    return sum(int(import_string(path)() or 0) for path in settings.PERIODIC_WORK)
