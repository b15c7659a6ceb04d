"""Due work of withdrawals. Each handler finds out itself how far things are, so running twice is fine."""

from datetime import datetime

from distributors.payouts import actions


def pay_approved(*, subject: str, now: datetime) -> None:
    """Handle ``withdrawal.pay``: send an approved withdrawal."""
    actions.send(number=subject, now=now)


def query_unknown(*, subject: str, now: datetime) -> None:
    """Handle ``withdrawal.query``: ask the gateway what became of it."""
    actions.settle_unknown(number=subject, now=now)


def expire(*, subject: str, now: datetime) -> None:
    """Handle ``withdrawal.expire``: end what nobody confirmed in time."""
    actions.expire(number=subject, now=now)
