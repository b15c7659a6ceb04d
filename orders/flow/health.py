"""How the money between us and the gateway is doing. Named in ``settings.HEALTH_FACTS``."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from distributors.payouts.holds import open_hold
from distributors.payouts.models import Withdrawal
from distributors.payouts.states import WithdrawalState
from orders.payments.models import Refund
from orders.payments.queries import PENDING_REFUNDS, last_reconciliation, open_differences
from shop.base.health import Fact, Number

# A comparison a night: one that is older means that nobody compares.
OLD = timedelta(hours=36)
_ON_ITS_WAY = (
    WithdrawalState.APPROVED,
    WithdrawalState.SENDING,
    WithdrawalState.UNKNOWN,
    WithdrawalState.WAITING_USER,
)


def reconciliation(now: datetime) -> Fact:
    """When our book was last compared with the gateway's, and what still differs."""
    run = last_reconciliation(settings.LINJIA_GATEWAY)
    if run is None or run.finished_at is None:
        return Fact("reconciliation", "never")
    age = now - run.finished_at
    differences = open_differences(run).count()
    word = "differs" if differences else "old" if age > OLD else "ok"
    return Fact(
        "reconciliation",
        word,
        [
            Number(
                "linjia_reconciliation_finished_timestamp_seconds",
                "When our book was last compared with the gateway's.",
                run.finished_at.timestamp(),
            ),
            Number(
                "linjia_reconciliation_differences",
                "What that comparison found and nobody has mended or explained.",
                differences,
            ),
        ],
    )


def uncleared(now: datetime) -> Fact:
    """How long the oldest refund or payout has been on its way."""
    since = Refund.objects.filter(state__in=PENDING_REFUNDS).aggregate(at=Min("requested_at"))["at"]
    out = Withdrawal.objects.filter(state__in=_ON_ITS_WAY).aggregate(at=Min("reviewed_at"))["at"]
    oldest = min((at for at in (since, out) if at is not None), default=None)
    seconds = (now - oldest).total_seconds() if oldest else 0.0
    limit = timedelta(hours=settings.LINJIA_TRANSFER_HOURS) + timedelta(days=1)
    return Fact(
        "uncleared_money",
        "old" if seconds > limit.total_seconds() else "ok",
        [
            Number(
                "linjia_uncleared_oldest_seconds",
                "How long the oldest refund or payout has been on its way.",
                seconds,
            )
        ],
    )


def payouts(now: datetime) -> Fact:
    """Whether payouts stand still until the books have been compared."""
    hold = open_hold()
    seconds = (now - hold.placed_at).total_seconds() if hold else 0.0
    meaning = "How long payouts have stood still; 0 when they do not."
    return Fact("payouts", "held" if hold else "ok", [Number("linjia_payouts_held_seconds", meaning, seconds)])
