"""Splitting a checkout over its suppliers: every amount of the whole is the sum of its parts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise

from distributors.commissions.rules import NO_RATES, Rates
from distributors.links.attribution import Credit
from orders.checkout.items import Item
from orders.checkout.rules import Goods, LineMoney, Problem
from shop.coupons.rules import NO_COUPONS, Choice
from shop.freight.rules import FreightQuote

NOBODY = Credit(store_id=None, reason="none")


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line as it would be ordered. ``line`` counts from 1; money in fen; a troubled line has none."""

    line: int
    item: Item
    goods: Goods
    unit_fen: int
    money: LineMoney | None
    credit: Credit = NOBODY
    rates: Rates = NO_RATES
    problem: Problem | None = None

    @property
    def sku_number(self) -> str:
        return self.goods.sku_number

    @property
    def product_number(self) -> str:
        return self.goods.product_number

    @property
    def title(self) -> str:
        return self.goods.title

    @property
    def option_text(self) -> str:
        return self.goods.option_text

    @property
    def image(self) -> str:
        return self.goods.image

    @property
    def quantity(self) -> int:
        return self.item.quantity

    @property
    def discount_fen(self) -> int:
        return self.money.discount_fen if self.money else 0

    @property
    def paid_fen(self) -> int:
        return self.money.paid_fen if self.money else 0

    @property
    def coupon_fen(self) -> int:
        """What coupons take off; part of ``discount_fen``."""
        return self.money.coupon_fen if self.money else 0

    @property
    def own_discount_fen(self) -> int:
        """What buying from one's own store takes off."""
        return self.discount_fen - self.coupon_fen

    @property
    def is_self_purchase(self) -> bool:
        return self.credit.is_self_purchase


@dataclass(frozen=True, slots=True)
class QuoteGroup:
    """One supplier's part. ``is_deliverable`` is None while no address is known; money in fen."""

    supplier_id: int
    supplier_code: str
    supplier_name: str
    lines: tuple[QuoteLine, ...]
    goods_fen: int
    discount_fen: int
    freight_fen: int
    payable_fen: int
    is_deliverable: bool | None
    freight_notes: tuple[str | Promise, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """What a checkout costs and what stands in its way. Money in fen, of the untroubled lines."""

    groups: tuple[QuoteGroup, ...]
    goods_fen: int
    discount_fen: int
    freight_fen: int
    payable_fen: int
    problems: tuple[Problem, ...]
    coupons: Choice = NO_COUPONS

    @property
    def coupon_fen(self) -> int:
        """What coupons take off; part of ``discount_fen``."""
        return self.coupons.discount_fen

    @property
    def own_discount_fen(self) -> int:
        """What buying from one's own store takes off."""
        return self.discount_fen - self.coupon_fen

    @property
    def is_placeable(self) -> bool:
        return not self.problems

    @property
    def lines(self) -> tuple[QuoteLine, ...]:
        return tuple(line for group in self.groups for line in group.lines)


def by_supplier(lines: Sequence[QuoteLine]) -> dict[int, list[QuoteLine]]:
    """Group lines by supplier id, suppliers and lines in the order they were put in."""
    groups: dict[int, list[QuoteLine]] = {}
    for line in lines:
        groups.setdefault(line.goods.supplier_id, []).append(line)
    return groups


def split(
    lines: Sequence[QuoteLine],
    *,
    freight: Mapping[int, FreightQuote] | None,
    problems: Sequence[Problem] = (),
    coupons: Choice = NO_COUPONS,
) -> Quote:
    """Put a quote together: a group per supplier, its freight (None: no address yet), the totals."""
    groups = tuple(_group(own, freight) for own in by_supplier(lines).values())
    return Quote(
        groups=groups,
        goods_fen=sum(group.goods_fen for group in groups),
        discount_fen=sum(group.discount_fen for group in groups),
        freight_fen=sum(group.freight_fen for group in groups),
        payable_fen=sum(group.payable_fen for group in groups),
        problems=tuple(problems),
        coupons=coupons,
    )


def _group(lines: Sequence[QuoteLine], freight: Mapping[int, FreightQuote] | None) -> QuoteGroup:
    goods = lines[0].goods
    moneys = [line.money for line in lines if line.money is not None]
    goods_fen = sum(money.goods_fen for money in moneys)
    discount_fen = sum(money.discount_fen for money in moneys)
    delivery = freight.get(goods.supplier_id) if freight is not None else None
    freight_fen = delivery.fen if delivery else 0
    return QuoteGroup(
        supplier_id=goods.supplier_id,
        supplier_code=goods.supplier_code,
        supplier_name=goods.supplier_name,
        lines=tuple(lines),
        goods_fen=goods_fen,
        discount_fen=discount_fen,
        freight_fen=freight_fen,
        payable_fen=goods_fen - discount_fen + freight_fen,
        is_deliverable=delivery.is_deliverable if delivery else None,
        freight_notes=tuple(delivery.explanation) if delivery else (),
    )
