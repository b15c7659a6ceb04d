"""A cart as it stands now: grouped by supplier, with today's prices and everything that changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from orders.checkout.models import CartLine
from orders.checkout.rules import Problem
from orders.checkout.split import Quote, QuoteLine


@dataclass(frozen=True, slots=True)
class CartViewLine:
    """One line. ``seen_fen`` is the price when it was put in, ``shortfall`` the pieces that are missing."""

    sku_number: str
    product_number: str
    title: str
    option_text: str
    image: str
    store_code: str
    quantity: int
    is_selected: bool
    unit_fen: int
    seen_fen: int
    discount_fen: int
    available: int
    problem: Problem | None

    @property
    def price_change_fen(self) -> int:
        """How much dearer a piece is than when it was put in; below zero when it is cheaper."""
        return self.unit_fen - self.seen_fen

    @property
    def shortfall(self) -> int:
        return max(0, self.quantity - self.available)

    @property
    def goods_fen(self) -> int:
        return self.unit_fen * self.quantity


@dataclass(frozen=True, slots=True)
class CartViewGroup:
    """What one supplier would send."""

    supplier_code: str
    supplier_name: str
    lines: tuple[CartViewLine, ...]


@dataclass(frozen=True, slots=True)
class CartView:
    """The whole cart; money in fen, of the chosen lines that can be bought."""

    groups: tuple[CartViewGroup, ...]
    goods_fen: int
    discount_fen: int
    selected_count: int
    piece_count: int

    @property
    def lines(self) -> tuple[CartViewLine, ...]:
        return tuple(line for group in self.groups for line in group.lines)


EMPTY = CartView((), 0, 0, 0, 0)


def view_of(rows: Mapping[str, CartLine], found: Quote) -> CartView:
    """Return the view of a cart's rows (by SKU number) and what all of them cost now."""
    groups = tuple(
        CartViewGroup(
            supplier_code=group.supplier_code,
            supplier_name=group.supplier_name,
            lines=tuple(_line(rows[line.sku_number], line) for line in group.lines),
        )
        for group in found.groups
    )
    bought = [line for group in groups for line in group.lines if line.is_selected and line.problem is None]
    return CartView(
        groups=groups,
        goods_fen=sum(line.goods_fen for line in bought),
        discount_fen=sum(line.discount_fen for line in bought),
        selected_count=len(bought),
        piece_count=sum(row.quantity for row in rows.values()),
    )


def _line(row: CartLine, line: QuoteLine) -> CartViewLine:
    return CartViewLine(
        sku_number=line.sku_number,
        product_number=line.product_number,
        title=line.title,
        option_text=line.option_text,
        image=line.image,
        store_code=line.item.store_code,
        quantity=row.quantity,
        is_selected=row.is_selected,
        unit_fen=line.unit_fen,
        seen_fen=row.seen_fen,
        discount_fen=line.discount_fen,
        available=line.goods.available,
        problem=line.problem,
    )
