"""Binding referrals that an application asked for."""

from datetime import datetime

from distributors.referrals.actions import bind_invited
from distributors.stores.models import Distributor


def bind_referral(*, subject: str, now: datetime) -> None:
    """Handle ``referral.bind``: bind the distributor with this number to who invited her."""
    distributor = Distributor.objects.filter(number=subject).first()
    if distributor is not None:
        bind_invited(distributor=distributor, now=now)
