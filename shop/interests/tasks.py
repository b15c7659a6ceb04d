"""Forgetting what is no longer to be known."""

from celery import shared_task
from django.utils import timezone

from shop.interests.actions import forget_old_looks


@shared_task(queue="default")
def forget_old_footprints() -> int:
    """Delete footprints whose 90 days are over; return how many."""
    return forget_old_looks(now=timezone.now())
