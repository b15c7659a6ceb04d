"""Tries, counted in PostgreSQL: emptying Redis opens no door, and parallel guesses are counted one by one.

A try is written down and committed before what it guesses is looked at. Subjects are kept as keyed hashes.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import SignInCode, TryCount
from shop.accounts.rules import Limit, wait_of, within
from shop.base.errors import DomainError
from shop.base.locks import lock_rows
from shop.privacy.keys import ring

# The longest window is a day.
_FORGOTTEN = timedelta(days=2)


class TooManyTries(DomainError):
    """A limit per phone, account or address was reached; ``extra["retry_after_seconds"]`` says when it ends."""

    code = "too_many_tries"
    status = 429


def too_many(pause: timedelta) -> TooManyTries:
    """Return the refusal that says how long to wait."""
    seconds = max(1, -int(-pause.total_seconds() // 1))
    return TooManyTries(
        _("Too many tries. Wait %(minutes)d minutes and try again.") % {"minutes": -(-seconds // 60)},
        extra={"retry_after_seconds": seconds},
    )


def take(limits: dict[str, Limit], *, now: datetime) -> None:
    """Count one try for each subject, or for none. Raises :class:`TooManyTries`.

    Call it outside a transaction: a count that is rolled back is no count.
    """
    keys = {ring().lookup(subject, "accounts.try"): limit for subject, limit in limits.items()}
    with transaction.atomic():
        TryCount.objects.bulk_create([TryCount(key=key, last_at=now) for key in keys], ignore_conflicts=True)
        rows = lock_rows(TryCount.objects.filter(key__in=keys))
        waits = [wait for row in rows if (wait := wait_of(row.tried_at, keys[row.key], now))]
        if waits:
            raise too_many(max(waits))
        for row in rows:
            row.tried_at, row.last_at = [*within(row.tried_at, keys[row.key], now), now], now
            row.save(update_fields=["tried_at", "last_at"])


def hold(subject: str, *, now: datetime) -> None:
    """Make others who hold the same subject wait until this transaction ends."""
    key = ring().lookup(subject, "accounts.try")
    TryCount.objects.bulk_create([TryCount(key=key, last_at=now)], ignore_conflicts=True)
    lock_rows(TryCount.objects.filter(key=key))


def wait_after(subject: str, limit: Limit, *, now: datetime) -> timedelta | None:
    """Return how long the subject is locked, None when it may go on."""
    row = TryCount.objects.filter(key=ring().lookup(subject, "accounts.try")).first()
    return wait_of(row.tried_at, limit, now) if row else None


def forgive(*subjects: str, now: datetime) -> None:
    """Take one try, the one made at ``now``, off each subject: it was right."""
    keys = [ring().lookup(subject, "accounts.try") for subject in subjects]
    with transaction.atomic():
        for row in lock_rows(TryCount.objects.filter(key__in=keys)):
            if now in row.tried_at:
                row.tried_at.remove(now)
                row.save(update_fields=["tried_at"])


def clear(subject: str) -> None:
    """Forget the tries of a subject that has proven itself."""
    TryCount.objects.filter(key=ring().lookup(subject, "accounts.try")).update(tried_at=[])


def forget_old(*, now: datetime) -> int:
    """Remove counts and codes that limit nothing any more. Returns how many."""
    counts, _by_model = TryCount.objects.filter(last_at__lt=now - _FORGOTTEN).delete()
    codes, _by_model = SignInCode.objects.filter(sent_at__lt=now - _FORGOTTEN).delete()
    return counts + codes
