"""What a supplier keeps after refunds, and how long a statement's period is. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from shop.base.money import proportion
from shop.ledger.chart import JournalKind

PERIODS = ("week", "month")


def kept_after_refund(*, amount_fen: int, paid_fen: int, refunded_fen: int) -> int:
    """Return what the supplier keeps of ``amount_fen`` when ``refunded_fen`` of ``paid_fen`` went back.

    The cumulative target: rounded down, nothing at full refund, so any sequence of partial refunds
    ends where one refund of the same sum does.
    """
    return proportion(amount_fen, paid_fen - refunded_fen, paid_fen)


def period_start(day: date, period: str) -> date:
    """Return the first day of the period that ``day`` lies in: Monday, or the first of the month."""
    if period not in PERIODS:
        raise ValueError(f"a statement's period is one of {PERIODS}")
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True, slots=True)
class StatementSums:
    """The sums of a statement; positive numbers, ``net_fen`` is what the supplier's position gained."""

    settled_fen: int = 0
    deducted_fen: int = 0
    paid_fen: int = 0

    @property
    def net_fen(self) -> int:
        return self.settled_fen - self.deducted_fen - self.paid_fen


_PAYOUTS = frozenset(
    {
        JournalKind.SUPPLIER_PAYOUT_STARTED,
        JournalKind.SUPPLIER_PAYOUT_PAID,
        JournalKind.SUPPLIER_PAYOUT_FAILED,
    }
)
_DEDUCTIONS = frozenset({JournalKind.SUPPLIER_DEDUCTED, JournalKind.COUPON_FUNDED, JournalKind.COUPON_RETURNED})


def statement_sums(moves: Iterable[tuple[str, int]]) -> StatementSums:
    """Add up moves ``(journal kind, change of the supplier's position in fen)`` of a statement.

    The position is available less debt; repaying a debt moves both and so counts nothing. The kind of
    a reversal is the kind of the journal it reverses.
    """
    settled = deducted = paid = 0
    for kind, change_fen in moves:
        if kind in _PAYOUTS:
            paid -= change_fen
        elif kind in _DEDUCTIONS:
            deducted -= change_fen
        else:
            settled += change_fen
    return StatementSums(settled, deducted, paid)
