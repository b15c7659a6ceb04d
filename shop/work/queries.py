"""What is due, what is late, what is stuck."""

from datetime import datetime, timedelta

from django.db.models import Min

from shop.work.models import Due, DueState


def oldest_due_age(now: datetime) -> timedelta:
    """Return how late the oldest open row is; zero when nothing is late."""
    oldest = Due.objects.filter(state=DueState.OPEN, due_at__lte=now).aggregate(at=Min("due_at"))["at"]
    return now - oldest if oldest else timedelta(0)


def parked_count() -> int:
    """Return how many rows wait for a person."""
    return Due.objects.filter(state=DueState.PARKED).count()
