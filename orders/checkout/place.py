"""Placing an order: one transaction from the prices to the pieces that are held for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from distributors.commissions.rules import NO_RATES
from orders.checkout.cart import take_bought
from orders.checkout.items import Item, check_items, pieces_by_sku
from orders.checkout.quote import quote
from orders.checkout.rules import Problem
from orders.checkout.split import Quote, QuoteGroup, QuoteLine
from orders.lifecycle.actions import create_order
from orders.lifecycle.models import Order
from orders.lifecycle.rules import LineDraft, OrderDraft, PartDraft, Recipient
from shop.accounts.models import Address, User
from shop.accounts.queries import address_of
from shop.base.errors import Conflict, Invalid
from shop.base.locks import retry_on_contention
from shop.base.money import format_yuan
from shop.stock.actions import OutOfStock, reserve
from shop.work.actions import remember

NOTE_LENGTH_MAX = 200
TITLE_LENGTH_MAX = 120


class NotPlaceable(Conflict):
    """Something stands in the way; ``extra["problems"]`` names each line's trouble and the way out."""

    code = "not_placeable"


class PriceChanged(Conflict):
    """The sum is not what the customer saw; ``extra["payable_fen"]`` is what it is now."""

    code = "price_changed"


@retry_on_contention()
def place_order(
    *,
    user: User,
    items: Sequence[Item],
    address_number: str,
    note: str = "",
    visitor_key: str = "",
    expected_payable_fen: int | None = None,
    now: datetime,
) -> Order:
    """Place an order, hold its pieces, and take what was bought out of the cart.

    Prices, discounts, freight, whose sale it is and the commissions are the server's, and are copied
    onto the lines; the order expires when it is not paid in time. All of it or nothing. Raises
    ``Invalid`` and ``NotFound`` naming the field, :class:`NotPlaceable`, ``OutOfStock``, and
    :class:`PriceChanged` when ``expected_payable_fen`` is not what it costs now.
    """
    checked = check_items(items)
    clean_note = _note(note)
    with transaction.atomic():
        address = address_of(user, address_number)
        found = quote(
            user=user,
            items=checked,
            region_code=address.region_code,
            visitor_key=visitor_key,
            now=now,
        )
        _refuse_troubles(found)
        _refuse_other_price(found, expected_payable_fen)
        order = create_order(draft=_draft(user, address, clean_note, found, now))
        pieces = pieces_by_sku((line.goods.sku_id, line.quantity) for line in found.lines)
        take_bought(user=user, pieces=pieces)
        remember(what="order.expire", subject=order.number, due_at=order.expires_at)
        # Last: the pieces' rows stay locked until the commit, and everybody wants the same ones.
        reserve(reference=order.number, quantities=pieces, at=now)
    return order


def _note(note: str) -> str:
    clean = note.strip()
    if len(clean) > NOTE_LENGTH_MAX or "\x00" in clean:
        raise Invalid(_("A note has at most %(max)d characters.") % {"max": NOTE_LENGTH_MAX}, field="note")
    return clean


def _refuse_troubles(found: Quote) -> None:
    problems = found.problems
    if problems:
        facts = [_facts(problem) for problem in problems]
        message = " ".join(str(problem) for problem in problems)
        if all(problem.code == "out_of_stock" for problem in problems):
            raise OutOfStock(message, field="quantity", extra={"skus": facts, "problems": facts})
        codes = {problem.code for problem in problems}
        code = problems[0].code if len(codes) == 1 else None
        raise NotPlaceable(message, field="items", code=code, extra={"problems": facts})
    if found.payable_fen <= 0:
        raise NotPlaceable(_("There is nothing to pay, so this cannot be ordered here."), code="nothing_to_pay")


def _facts(problem: Problem) -> dict[str, str | int | None]:
    return {
        "code": problem.code,
        "sku": problem.sku_number,
        "wanted": problem.wanted,
        "left": problem.left,
        "message": str(problem),
    }


def _refuse_other_price(found: Quote, expected_payable_fen: int | None) -> None:
    if expected_payable_fen is None or expected_payable_fen == found.payable_fen:
        return
    raise PriceChanged(
        _("The sum changed to ¥%(amount)s meanwhile. Look at it again before you order.")
        % {"amount": format_yuan(found.payable_fen)},
        field="expected_payable_fen",
        extra={"payable_fen": found.payable_fen, "expected_payable_fen": expected_payable_fen},
    )


def _draft(user: User, address: Address, note: str, found: Quote, now: datetime) -> OrderDraft:
    return OrderDraft(
        user_id=user.pk,
        recipient=Recipient(
            name=address.name,
            phone=address.phone,
            region_code=address.region_code,
            region_names=address.region_names,
            detail=address.detail,
        ),
        parts=[_part(group) for group in found.groups],
        goods_fen=found.goods_fen,
        discount_fen=found.discount_fen,
        freight_fen=found.freight_fen,
        payable_fen=found.payable_fen,
        note=note,
        placed_at=now,
        expires_at=now + timedelta(minutes=settings.LINJIA_PAYMENT_MINUTES),
    )


def _part(group: QuoteGroup) -> PartDraft:
    return PartDraft(
        supplier_id=group.supplier_id,
        lines=[_line(line) for line in group.lines],
        goods_fen=group.goods_fen,
        discount_fen=group.discount_fen,
        freight_fen=group.freight_fen,
        payable_fen=group.payable_fen,
    )


def _line(line: QuoteLine) -> LineDraft:
    money, goods, credited = line.money, line.goods, line.credit
    if money is None:
        raise ValueError("a troubled line cannot be ordered")
    # A level without a store carries neither rate nor amount; a self-purchase has no level 1.
    has_level1 = credited.store_id is not None and not credited.is_self_purchase
    has_level2 = credited.referrer_store_id is not None
    days = settings.LINJIA_RETURN_DAYS if goods.return_days is None else goods.return_days
    return LineDraft(
        product_id=goods.product_id,
        sku_id=goods.sku_id,
        title=goods.title[:TITLE_LENGTH_MAX],
        option_text=goods.option_text[:TITLE_LENGTH_MAX],
        image=goods.image,
        quantity=line.quantity,
        unit_fen=line.unit_fen,
        supply_unit_fen=goods.supply_fen or 0,
        discount_fen=money.discount_fen,
        paid_fen=money.paid_fen,
        supplier_fen=money.supplier_fen,
        pool_fen=money.pool_fen,
        store_id=credited.store_id,
        referrer_store_id=credited.referrer_store_id,
        level1_bp=line.rates.level1_bp if has_level1 else 0,
        level2_bp=line.rates.level2_bp if has_level2 else 0,
        level1_fen=money.level1_fen,
        level2_fen=money.level2_fen,
        rule_number=line.rates.rule_number if line.rates != NO_RATES else "",
        credit_reason=credited.reason,
        return_days=days,
        credit_evidence={
            "touches": list(credited.touch_numbers),
            "candidates": list(credited.evidence),
            "is_self_purchase": credited.is_self_purchase,
        },
    )
