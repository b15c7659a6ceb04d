"""The clock's calls: settle what is due, issue statements."""

from celery import shared_task

from orders.settlements import actions, statements
from shop.work.sweep import database_now

BATCH = 500
BATCHES_MAX = 20


@shared_task(name="orders.settlements.tasks.settle_due", ignore_result=True)
def settle_due() -> int:
    """Settle due earnings in batches; returns how many."""
    total = 0
    for _ in range(BATCHES_MAX):
        settled = actions.settle_due(limit=BATCH, now=database_now())
        total += settled
        if settled < BATCH:
            break
    return total


@shared_task(name="orders.settlements.tasks.close_statements", ignore_result=True)
def close_statements() -> int:
    """Issue the statements of the period that has ended; returns how many."""
    return statements.close_statements(now=database_now())
