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


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line as its payment needs it: what was promised, and whose the stores are (user ids). Money in fen."""

    id: int
    line: int
    part_id: int
    sku_id: int
    quantity: int
    paid_fen: int
    supplier_fen: int
    subsidy_fen: int
    level1_bp: int
    level2_bp: int
    level1_fen: int
    level2_fen: int
    rule_number: str
    store_id: int | None
    store_code: str
    owner_id: int | None
    referrer_store_id: int | None
    referrer_store_code: str
    referrer_owner_id: int | None


@dataclass(frozen=True, slots=True)
class SoldPart:
    """A supplier's part as its payment needs it, with the user ids of who works there."""

    id: int
    number: str
    supplier_id: int
    supplier_code: str
    freight_fen: int
    member_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class SoldOrder:
    """An order as its payment needs it. Only ``state`` may be another by now."""

    id: int
    number: str
    user_id: int
    state: str
    payable_fen: int
    parts: Sequence[SoldPart]
    lines: Sequence[SoldLine]


def sold_from(told: Sequence[Any]) -> SoldOrder:
    """Return an order from what ``lifecycle_sold`` answered."""
    (order_id, number, user_id, state, payable_fen), parts, lines = told
    return SoldOrder(
        id=order_id,
        number=number,
        user_id=user_id,
        state=state,
        payable_fen=payable_fen,
        parts=[SoldPart(*part) for part in parts],
        lines=[SoldLine(*line) for line in lines],
    )


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
