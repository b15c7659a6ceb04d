"""The clock's call: note that the time of pieces is over."""

from celery import shared_task

from shop.coupons import actions
from shop.work.sweep import database_now

BATCH = 5_000


@shared_task(name="shop.coupons.tasks.expire_pieces", ignore_result=True)
def expire_pieces() -> int:
    """Note it of one batch; returns of how many. They could not be used before either."""
    return actions.expire_pieces(limit=BATCH, now=database_now())
