"""Touches by the clock: stored every second, months opened ahead of time."""

from datetime import datetime

from celery import shared_task
from django.conf import settings

from distributors.links import actions, posters
from shop.work.sweep import database_now

BATCH = 2_000
BATCHES_MAX = 50
MONTHS_AHEAD = 4


@shared_task(name="distributors.links.tasks.flush_touches", ignore_result=True)
def flush_touches() -> int:
    """Store what waits, at most 100,000 openings a run; returns how many were new."""
    total = 0
    for _batch in range(BATCHES_MAX):
        stored = actions.flush_touches(limit=BATCH)
        total += stored
        if stored < BATCH:
            break
    return total


@shared_task(name="distributors.links.tasks.open_months", ignore_result=True)
def open_months() -> int:
    """Open the coming months and drop those past retention; returns how many changed."""
    opened, dropped = actions.open_months(
        now=database_now(),
        months=MONTHS_AHEAD,
        retention_months=settings.LINJIA_TOUCH_RETENTION_MONTHS,
    )
    return opened + dropped


def draw_poster(*, subject: str, now: datetime) -> None:
    """Draw a poster that somebody waits for."""
    posters.draw_poster(subject=subject)
