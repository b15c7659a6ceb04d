"""What is due, what is late, what is stuck."""

from datetime import datetime, timedelta

from django.db.models import Min
from django.db.models.functions import Greatest

from shop.work.models import Due, DueState


def oldest_due_age(now: datetime) -> timedelta:
    """Return how late the oldest open row is; zero when nothing is late."""
    oldest = Due.objects.filter(state=DueState.OPEN, due_at__lte=now).aggregate(at=Min("due_at"))["at"]
    return now - oldest if oldest else timedelta(0)


def neglected_age(now: datetime) -> timedelta:
    """Return for how long the most neglected row could have been worked on by anybody and was not."""
    rows = Due.objects.filter(state=DueState.OPEN, due_at__lte=now)
    since = rows.aggregate(at=Min(Greatest("due_at", "claimed_until")))["at"]
    return max(now - since, timedelta(0)) if since else timedelta(0)


def parked_count() -> int:
    """Return how many rows wait for a person."""
    return Due.objects.filter(state=DueState.PARKED).count()
