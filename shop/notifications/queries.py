"""A person's messages."""

from django.db.models import QuerySet

from shop.accounts.models import User
from shop.notifications.models import Notification


def notifications_of(user: User) -> QuerySet[Notification]:
    """Return the user's messages, newest first."""
    return Notification.objects.filter(user=user).order_by("-pk")


def unread_count(user: User) -> int:
    """Return how many messages the user has not read."""
    return Notification.objects.filter(user=user, read_at=None).count()
