"""What an after-sale may ask for, and until when. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shop.base.money import proportion

# Reasons for which the supplier answers, not the customer.
SUPPLIERS_FAULT = frozenset({"not_as_described", "damaged", "wrong_or_missing", "quality"})


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What was bought and paid on a line, and what went back already. Amounts in fen."""

    quantity: int
    paid_fen: int
    refunded_quantity: int = 0
    refunded_fen: int = 0

    @property
    def left_quantity(self) -> int:
        return self.quantity - self.refunded_quantity

    @property
    def left_fen(self) -> int:
        return self.paid_fen - self.refunded_fen


def refundable_fen(line: LineFacts, quantity: int) -> int:
    """Return what ``quantity`` pieces of the line are worth now, in fen.

    A share of what is left, rounded down, so the last pieces take the remainder and no sequence of
    partial refunds gives back more or less than was paid. Quantity 0 asks for money only: all that is
    left. Raises ``ValueError`` for a quantity that is not there any more.
    """
    if not 0 <= quantity <= line.left_quantity:
        raise ValueError("refundable_fen() takes 0 <= quantity <= what is left")
    if quantity == 0:
        return line.left_fen
    return proportion(line.left_fen, quantity, line.left_quantity)


def refundable_freight_fen(*, left_fen: int, is_last: bool, is_shipped: bool, reason: str) -> int:
    """Return the freight that goes back with a case: all that is left of it, or nothing.

    It goes back only with the last goods of the supplier's part (``is_last``), and only when nothing
    was shipped or the supplier is at fault. Who changed her mind has had the delivery.
    """
    if not is_last:
        return 0
    return left_fen if not is_shipped or reason in SUPPLIERS_FAULT else 0


def is_within_window(*, received_at: datetime | None, window_ends_at: datetime | None, now: datetime) -> bool:
    """Return whether a case may be opened: before receipt always, afterwards until the window ends."""
    return received_at is None or window_ends_at is None or now < window_ends_at


def needs_return(kind: str) -> bool:
    """Return whether goods travel back before money does."""
    return kind == "return_refund"
