"""Counting what was sold, for lists. Nothing depends on it but the number beside a product."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from shop.stock.actions import count_sold

# Longer than the task's own rhythm, so that a missed turn is made up for.
_WINDOW = timedelta(hours=1)


@shared_task
def refresh_sold_counts() -> int:
    """Count again the products that sold something within the last hour; return how many changed."""
    return count_sold(since=timezone.now() - _WINDOW)
