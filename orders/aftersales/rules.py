"""What an after-sale may ask for, and until when. Pure."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

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


class FreightRule(StrEnum):
    """Why freight goes back with a case, or does not."""

    NONE_PAID = "none_paid"
    NOT_LAST = "not_last"
    DELIVERED = "delivered"
    NOT_SHIPPED = "not_shipped"
    SUPPLIERS_FAULT = "suppliers_fault"


def freight_rule(*, left_fen: int, is_last: bool, is_shipped: bool, reason: str) -> FreightRule:
    """Return which rule decides about the freight of a case.

    It goes back only with the last goods of the supplier's part (``is_last``), and only when nothing
    was shipped or the supplier is at fault. Who changed her mind has had the delivery.
    """
    if left_fen == 0:
        return FreightRule.NONE_PAID
    if not is_last:
        return FreightRule.NOT_LAST
    if not is_shipped:
        return FreightRule.NOT_SHIPPED
    return FreightRule.SUPPLIERS_FAULT if reason in SUPPLIERS_FAULT else FreightRule.DELIVERED


def refundable_freight_fen(*, left_fen: int, is_last: bool, is_shipped: bool, reason: str) -> int:
    """Return the freight that goes back with a case, by :func:`freight_rule`: all that is left of it, or nothing."""
    rule = freight_rule(left_fen=left_fen, is_last=is_last, is_shipped=is_shipped, reason=reason)
    return left_fen if rule in (FreightRule.NOT_SHIPPED, FreightRule.SUPPLIERS_FAULT) else 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a case may ask for and how it came about. ``asked`` pieces; 0 asks for all money that is left."""

    quantity: int
    paid_fen: int
    refunded_quantity: int
    refunded_fen: int
    asked: int
    goods_fen: int
    freight_fen: int
    freight_rule: str

    @property
    def amount_fen(self) -> int:
        return self.goods_fen + self.freight_fen

    def facts(self) -> dict[str, int | str]:
        """Return the proposal as plain facts, for keeping with the case."""
        return asdict(self)


def is_within_window(*, received_at: datetime | None, window_ends_at: datetime | None, now: datetime) -> bool:
    """Return whether a case may be opened: before receipt always, afterwards until the window ends."""
    return received_at is None or window_ends_at is None or now < window_ends_at


def needs_return(kind: str) -> bool:
    """Return whether goods travel back before money does."""
    return kind == "return_refund"
