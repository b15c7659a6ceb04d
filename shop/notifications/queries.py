"""A person's messages."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from django.core.signing import BadSignature, Signer
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.notifications.models import Notification
from shop.notifications.rules import group_of, kinds_of


def notifications_of(user: User, group: str = "") -> QuerySet[Notification]:
    """Return the user's messages, of one group or all, newest first."""
    mine = Notification.objects.filter(user=user)
    return (mine.filter(kind__in=kinds_of(group)) if group else mine).order_by("-pk")


def key_of(notice: Notification) -> str:
    """Return how a page or an app names a message: its place under our signature."""
    return _signer().sign(str(notice.pk))


def notification_of(user: User, key: str) -> Notification:
    """Return one of the user's messages by its key. Raises ``NotFound`` for any other."""
    found = notifications_by_keys(user, [key])
    if not found:
        raise NotFound(_("There is no such message among yours."), field="key")
    return found[0]


def notifications_by_keys(user: User, keys: Sequence[str]) -> list[Notification]:
    """Return those of the user's messages that the keys name; what is not hers or not signed is left out."""
    places = []
    for key in keys:
        with suppress(BadSignature):
            places.append(int(_signer().unsign(key)))
    return list(Notification.objects.filter(user=user, pk__in=places))


def unread_by_group(user: User) -> dict[str, int]:
    """Return how many messages of each group the user has not read; groups without any are left out."""
    counts: Counter[str] = Counter()
    unread = Notification.objects.filter(user=user, read_at=None).values("kind").annotate(count=Count("pk"))
    for row in unread:
        counts[group_of(row["kind"])] += row["count"]
    return dict(counts)


def _signer() -> Signer:
    return Signer(salt="shop.notifications")


def unread_count(user: User) -> int:
    """Return how many messages the user has not read."""
    return Notification.objects.filter(user=user, read_at=None).count()
