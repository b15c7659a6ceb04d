"""Payouts stand still while the database may have forgotten some of them.

After a restore to an earlier moment a store seems to have money that was paid out already. Nothing is sent
then until somebody has compared the books with the gateway's. Decision 13 says why.
"""

from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.utils.translation import gettext_lazy as _

from distributors.payouts.models import DatabaseMark, PayoutHold
from shop.base.errors import Conflict, Invalid
from shop.work.actions import remember

logger = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=20)

# Whose memory this is: the server, its line of history (a new one begins with every recovery or promotion),
# and the table as it was made (a dump that is read back makes it anew).
_IDENTITY = """
SELECT (SELECT system_identifier FROM pg_control_system()) || '/'
    || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || '/'
    || 'payouts_withdrawal'::regclass::oid
"""


class PayoutsOnHold(Conflict):
    """Nothing is sent, and nothing that may have been sent is given back, while a hold stands."""

    code = "payouts_on_hold"


def open_hold() -> PayoutHold | None:
    """Return the hold that stands, if one does."""
    return PayoutHold.objects.filter(lifted_at=None).order_by("pk").first()


def is_held(*, now: datetime) -> bool:
    """Return whether payouts stand still; looks first whether this is still the database it was."""
    watch_database(now=now)
    return open_hold() is not None


def was_held_since(moment: datetime | None) -> bool:
    """Return whether a hold has stood since ``moment``: what was approved before may have been sent already."""
    holds = PayoutHold.objects.all()
    return (holds.filter(placed_at__gte=moment) if moment else holds).exists()


def refuse_when_held() -> None:
    """Raise :class:`PayoutsOnHold` while a hold stands: what is given back now may have been paid before."""
    if open_hold() is not None:
        raise PayoutsOnHold(_("Payouts stand still until the books have been compared. Please try again later."))


def is_known_database() -> bool:
    """Whether this is still the database of the last look. Writes nothing: the clock places the hold."""
    known = DatabaseMark.objects.order_by("-pk").first()
    return known is None or known.identity == _identity()


def watch_database(*, now: datetime) -> PayoutHold | None:
    """Place a hold when this database is not the one it was at the last look: it was restored, or taken over."""
    identity = _identity()
    known = DatabaseMark.objects.order_by("-pk").first()
    if known is not None and known.identity == identity:
        DatabaseMark.objects.filter(pk=known.pk, seen_at__lt=now - LOOK_EVERY).update(seen_at=now)
        return None
    DatabaseMark.objects.create(identity=identity, seen_at=now)
    if known is None:
        return None
    return place(
        cause=PayoutHold.Cause.RESTORED,
        detail=f"{known.identity} → {identity}",
        actor="system",
        remembered_until=known.seen_at,
        now=now,
    )


def _identity() -> str:
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY)
        return str(cursor.fetchone()[0])


def place(
    *, cause: str, detail: str, actor: str, now: datetime, remembered_until: datetime | None = None
) -> PayoutHold:
    """Let payouts stand still from now on; the hold that stands already is returned as it is."""
    hold = open_hold()
    if hold is None:
        hold = PayoutHold.objects.create(
            cause=cause, detail=detail[:200], placed_by=actor, placed_at=now, remembered_until=remembered_until
        )
        logger.error("payouts_on_hold", cause=cause, detail=detail)
    return hold


def lift(*, actor: str, reason: str, numbers: list[str], now: datetime) -> int:
    """Let payouts go on and send ``numbers``, which were approved; return how many holds ended.

    The caller has compared the books. Raises ``Invalid`` (``reason``) without a word.
    """
    said = reason.strip()
    if not said:
        raise Invalid(_("Say why."), field="reason")
    ended = PayoutHold.objects.filter(lifted_at=None).update(lifted_at=now, lifted_by=actor, lift_reason=said[:200])
    for number in numbers:
        remember(what="withdrawal.pay", subject=number, due_at=now)
    return ended
