"""Forgetting what is no longer to be known."""

from celery import shared_task
from django.utils import timezone

from shop.interests.actions import forget_old_looks
from shop.interests.telling import tell_watchers as tell_some


@shared_task
def forget_old_footprints() -> int:
    """Delete footprints whose 90 days are over; return how many."""
    return forget_old_looks(now=timezone.now())


@shared_task
def tell_watchers() -> int:
    """Tell people that what they keep is back or cheaper, stretch by stretch; return how many messages."""
    told, place = 0, 0
    while True:
        some, after = tell_some(now=timezone.now(), after=place)
        told += some
        if after is None:
            return told
        place = after
