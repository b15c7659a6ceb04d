"""What the books do by the clock."""

import structlog
from celery import shared_task
from django.utils import timezone

from shop.ledger import actions

logger = structlog.get_logger(__name__)


@shared_task
def close_days() -> int:
    """Close the days that are over. Safe to run at any time and twice; returns how many were closed.

    The digests go to the log as well, so that a copy leaves the database.
    """
    closed = actions.close_days(now=timezone.now())
    for day in closed:
        logger.info(
            "ledger.day_closed",
            date=day.date.isoformat(),
            digest=day.digest,
            transfers=day.transfers_count,
        )
    return len(closed)
