"""Settling by the clock."""

from celery import shared_task

from distributors.commissions import actions
from shop.work.sweep import database_now

BATCH = 5_000
BATCHES_MAX = 500


@shared_task(name="distributors.commissions.tasks.settle_due", ignore_result=True)
def settle_due() -> int:
    """Settle what is due, batch by batch, each in its own transaction; returns how many.

    Stopped at any moment, the next run goes on where this one ended.
    """
    total = 0
    for _batch in range(BATCHES_MAX):
        settled = actions.settle_due(limit=BATCH, now=database_now())
        total += settled
        if settled < BATCH:
            break
    return total
