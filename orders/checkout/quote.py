"""What a checkout would cost: prices, discounts, whose sale it is, freight, and what stands in its way.

Everything comes from the server's own rows; a customer only says which SKUs, how many, and in which
store she saw them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from distributors.commissions.queries import rates_by
from distributors.commissions.rules import NO_RATES, Rates, RuleFacts
from distributors.links.attribution import Credit, CreditFacts, credit
from orders.checkout.couponing import choose, lowered, money_of
from orders.checkout.items import Item, check_items, pieces_by_sku
from orders.checkout.queries import Facts, Wish, facts_of
from orders.checkout.rules import Goods, Problem, problem_of, unit_price_of
from orders.checkout.split import Quote, QuoteLine, by_supplier, split
from shop.accounts.models import User
from shop.freight.queries import Parcel, ParcelItem, freight_of
from shop.freight.rules import FreightQuote


def quote(
    *,
    user: User | None,
    items: Sequence[Item],
    region_code: str | None,
    visitor_key: str = "",
    coupons: tuple[str, ...] | None = None,
    now: datetime,
) -> Quote:
    """Return what these items cost delivered to a region (None: not known yet).

    ``coupons`` are the numbers of the pieces to use, () for none; None takes those that save most.

    One statement, whatever the items. What cannot be bought as asked is in
    ``problems``, each with its way out. Raises ``Invalid`` for quantities and too many items, and
    ``NotFound`` for an unknown SKU (field ``items.0.sku_number``) or place.
    """
    checked = check_items(items)
    wish = Wish(user=user, items=checked, region_code=region_code, visitor_key=visitor_key, coupons=coupons, now=now)
    return quote_of(checked, facts_of(wish), coupons)


def quote_of(items: Sequence[Item], facts: Facts, coupons: Sequence[str] | None = None) -> Quote:
    """Return what these items cost by these facts. Raises ``NotFound`` for an unknown place."""
    goods = facts.goods
    troubles = _troubles(items, goods)
    credited = credit(facts=facts.credit)
    rates = rates_by(facts.rules, _rule_facts(goods, credited, facts.credit), facts.credit.now)
    lines = [
        _line(number, item, one, credited[number], rates.get(number, NO_RATES), facts.credit, troubles.get(number))
        for number, (item, one) in enumerate(zip(items, goods, strict=True), start=1)
    ]
    chosen = choose(lines, facts, coupons)
    lines, chosen = lowered(lines, chosen, facts)
    freight = _freight(lines, facts)
    # Two lines of one SKU have one trouble.
    problems = {(one.code, one.sku_number): one for one in troubles.values()}
    return split(lines, freight=freight, problems=[*problems.values(), *_undeliverable(lines, freight)], coupons=chosen)


def _troubles(items: Sequence[Item], goods: Sequence[Goods]) -> dict[int, Problem]:
    """Return each troubled line's problem; pieces of one SKU on several lines count together."""
    wanted = pieces_by_sku((one.sku_id, item.quantity) for item, one in zip(items, goods, strict=True))
    found = {number: problem_of(one, wanted=wanted[one.sku_id]) for number, one in enumerate(goods, start=1)}
    return {number: problem for number, problem in found.items() if problem is not None}


def _rule_facts(goods: Sequence[Goods], credited: Mapping[int, Credit], facts: CreditFacts) -> list[RuleFacts]:
    """Return what the rates of each credited line are chosen by; nobody's sale needs none."""
    chosen = []
    for number, one in enumerate(goods, start=1):
        store_id = credited[number].store_id
        if store_id is not None:
            chosen.append(
                RuleFacts(
                    line=number,
                    sku_number=one.sku_number,
                    product_number=one.product_number,
                    category_codes=one.category_codes,
                    supplier_code=one.supplier_code,
                    grade=facts.stores[store_id].grade,
                )
            )
    return chosen


def _is_open(item: Item, credited: Credit, facts: CreditFacts) -> bool:
    """Whether the price of the store an item was seen in is open to this customer.

    It is when that store gets the sale, when she was led there by one of its links or its bond, and
    when the sale is nobody's: then no other store's commission pays for this one's price.
    """
    if credited.store_id is None:
        return True
    led = {touch.store_id for touch in facts.touches} | {credited.store_id}
    if facts.bond is not None:
        led.add(facts.bond.store_id)
    return item.store_code in {facts.stores[one].code for one in led if one in facts.stores}


def _line(
    number: int,
    item: Item,
    goods: Goods,
    credited: Credit,
    rates: Rates,
    facts: CreditFacts,
    problem: Problem | None,
) -> QuoteLine:
    if goods.retail_fen is None:
        return QuoteLine(number, item, goods, 0, None, credited, rates, problem)
    unit_fen = unit_price_of(goods, store_code=item.store_code, is_open=_is_open(item, credited, facts))
    line = QuoteLine(number, item, goods, unit_fen, None, credited, rates, problem)
    return line if problem is not None else replace(line, money=money_of(line))


def _freight(lines: Sequence[QuoteLine], facts: Facts) -> dict[int, FreightQuote] | None:
    if facts.freight is None or not facts.region_code:
        return None
    parcels = [
        Parcel(
            supplier_id=supplier_id,
            items=[
                ParcelItem(
                    product_id=line.goods.product_id,
                    quantity=line.quantity,
                    weight_g=line.goods.weight_g * line.quantity,
                    # A coupon makes nobody's delivery dearer.
                    goods_fen=line.paid_fen + line.coupon_fen,
                )
                for line in own
                if line.money is not None
            ],
        )
        for supplier_id, own in by_supplier(lines).items()
    ]
    sent = [parcel for parcel in parcels if parcel.items]
    return freight_of(facts.freight, parcels=sent, region_code=facts.region_code)


def _undeliverable(lines: Sequence[QuoteLine], freight: Mapping[int, FreightQuote] | None) -> list[Problem]:
    if freight is None:
        return []
    text = _("%(supplier)s does not deliver to this address. Choose another one, or take its goods out.")
    return [
        Problem("not_deliverable", text % {"supplier": own[0].goods.supplier_name}, own[0].sku_number)
        for supplier_id, own in by_supplier(lines).items()
        if supplier_id in freight and not freight[supplier_id].is_deliverable
    ]
