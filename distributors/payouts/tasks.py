"""Due work of withdrawals. Each handler finds out itself how far things are, so running twice is fine."""

from datetime import datetime

from celery import shared_task

from distributors.payouts import actions, holds
from shop.work.sweep import database_now


@shared_task(name="distributors.payouts.tasks.watch_database", ignore_result=True)
def watch_database() -> int:
    """Look whether this is still the database it was; payouts stand still when it is not."""
    return int(holds.watch_database(now=database_now()) is not None)


def pay_approved(*, subject: str, now: datetime) -> None:
    """Handle ``withdrawal.pay``: send an approved withdrawal."""
    actions.send(number=subject, now=now)


def query_unknown(*, subject: str, now: datetime) -> None:
    """Handle ``withdrawal.query``: ask the gateway what became of it."""
    actions.settle_unknown(number=subject, now=now)


def expire(*, subject: str, now: datetime) -> None:
    """Handle ``withdrawal.expire``: end what nobody confirmed in time."""
    actions.expire(number=subject, now=now)
