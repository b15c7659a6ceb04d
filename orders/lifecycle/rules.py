"""What is true of an order: what a new one must hold, when its parts end, what may be refunded. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orders.lifecycle.states import OrderState, SupplierOrderState

# States nothing follows, seen from the order: its part is over.
ENDED = frozenset({SupplierOrderState.COMPLETED, SupplierOrderState.CLOSED})


@dataclass(frozen=True, slots=True)
class LineDraft:
    """One line of an order to be. Amounts in fen for the whole line unless they say unit."""

    product_id: int
    sku_id: int
    title: str
    option_text: str
    image: str
    quantity: int
    unit_fen: int
    supply_unit_fen: int
    discount_fen: int
    paid_fen: int
    supplier_fen: int
    pool_fen: int
    store_id: int | None
    referrer_store_id: int | None
    level1_bp: int
    level2_bp: int
    level1_fen: int
    level2_fen: int
    rule_number: str
    credit_reason: str
    return_days: int
    credit_evidence: Mapping[str, Any] = field(default_factory=dict)
    subsidy_fen: int = 0


@dataclass(frozen=True, slots=True)
class PartDraft:
    """One supplier's part of an order to be; money in fen."""

    supplier_id: int
    lines: Sequence[LineDraft]
    goods_fen: int
    discount_fen: int
    freight_fen: int
    payable_fen: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where the parcels go."""

    name: str
    phone: str
    region_code: str
    region_names: str
    detail: str


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order to be, wholly priced and split; money in fen."""

    user_id: int
    recipient: Recipient
    parts: Sequence[PartDraft]
    goods_fen: int
    discount_fen: int
    freight_fen: int
    payable_fen: int
    note: str
    placed_at: datetime
    expires_at: datetime


def adds_up(draft: OrderDraft) -> bool:
    """Whether every amount of a draft is the sum of what stands below it."""
    parts = draft.parts
    return all(
        (
            _sums(part.lines, "paid_fen") == part.goods_fen - part.discount_fen
            and _sums(part.lines, "discount_fen") == part.discount_fen
            and part.payable_fen == part.goods_fen - part.discount_fen + part.freight_fen
        )
        for part in parts
    ) and all(
        _sums(parts, name) == getattr(draft, name)
        for name in ("goods_fen", "discount_fen", "freight_fen", "payable_fen")
    )


def _sums(rows: Iterable[Any], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


def window_end(received_at: datetime, return_days: int) -> datetime:
    """Return when the return window of a line ends: whole days after its receipt."""
    return received_at + timedelta(days=return_days)


def order_end(part_states: Iterable[str], *, paid_fen: int, refunded_fen: int) -> str | None:
    """Return the state a paid order ends in, None while a part of it still lives.

    Everything given back is ``refunded``; else it is ``completed`` once every part has ended.
    """
    states = set(part_states)
    if not states or not states <= ENDED:
        return None
    if paid_fen and refunded_fen == paid_fen:
        return OrderState.REFUNDED
    return OrderState.COMPLETED
