"""Placing an order: one transaction from the prices to the pieces that are held for it."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext_lazy as _

from distributors.commissions.rules import NO_RATES
from orders.checkout.cart import merge_carts
from orders.checkout.couponing import refuse_unused, uses_of
from orders.checkout.items import Item, check_items, pieces_by_sku
from orders.checkout.queries import Facts, Reading, Wish, facts_of, facts_once
from orders.checkout.quote import quote_of
from orders.checkout.rules import Problem
from orders.checkout.split import Quote, QuoteGroup, QuoteLine
from orders.lifecycle.models import Order
from orders.lifecycle.rules import LineDraft, OrderDraft, PartDraft, Recipient
from orders.lifecycle.writing import OrderRows, order_rows, stored
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.locks import retry_on_contention
from shop.base.money import format_yuan
from shop.coupons.actions import coupon_refused
from shop.stock.actions import OutOfStock, out_of_stock
from shop.work.idempotency import Once, StillRunning, answered, kept_form, replay

CREATED = 201
NOTE_LENGTH_MAX = 200
TITLE_LENGTH_MAX = 120


class NotPlaceable(Conflict):
    """Something stands in the way; ``extra["problems"]`` names each line's trouble and the way out."""

    code = "not_placeable"


class PriceChanged(Conflict):
    """The sum is not what the customer saw; ``extra["payable_fen"]`` is what it is now."""

    code = "price_changed"


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that is being placed: its rows, and what they were made from."""

    rows: OrderRows
    quote: Quote


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a customer sends: the wish with an address, her note, and the sum she saw (None: any)."""

    wish: Wish
    note: str = ""
    expected_payable_fen: int | None = None


def place_order(
    *,
    user: User,
    items: Sequence[Item],
    address_number: str,
    note: str = "",
    visitor_key: str = "",
    expected_payable_fen: int | None = None,
    coupons: tuple[str, ...] | None = None,
    now: datetime,
) -> Order:
    """Place an order, hold its pieces, and take what was bought out of the cart.

    Prices, discounts, freight, whose sale it is and the commissions are the server's, and are copied
    onto the lines; the order expires when it is not paid in time. All of it or nothing, in one
    statement that writes; one before it reads. ``coupons`` are the pieces to use, () for none; None
    takes those that save most. Raises
    ``Invalid`` and ``NotFound`` naming the field, :class:`NotPlaceable`, ``OutOfStock``, and
    :class:`PriceChanged` when ``expected_payable_fen`` is not what it costs now.
    """
    wish = Wish(
        user=user,
        items=items,
        address_number=address_number,
        visitor_key=visitor_key,
        coupons=coupons,
        now=now,
    )
    return _place_order(checkout=Checkout(wish, note, expected_payable_fen))


@retry_on_contention()
def _place_order(*, checkout: Checkout) -> Order:
    wish = _checked(checkout.wish)
    note = _note(checkout.note)
    placed = _prepare(checkout, note, facts_of(wish))
    return stored(placed.rows, _write(placed, None, None))


def place_once(
    *, checkout: Checkout, once: Once, answer: Callable[[Placed], Any], reading: Reading | None = None
) -> tuple[int, Any, bool]:
    """Place an order once per caller and key; the same two statements, or the one that writes after a ``reading``.

    ``answer`` makes the body of the answer, which is kept with the order. Returns ``(status, body,
    replayed)``: 201, or what was answered before. When it is refused, nothing is kept and the key may
    be used again. Raises what :func:`place_order` raises, and ``KeyReused`` for another request.
    """
    return _place_once(checkout, once, answer, [reading] if reading else [])


@retry_on_contention()
def _place_once(
    checkout: Checkout, once: Once, answer: Callable[[Placed], Any], ahead: list[Reading]
) -> tuple[int, Any, bool]:
    wish = _checked(checkout.wish)
    note = _note(checkout.note)
    # Who must try again looks again.
    facts = facts_once(wish, once, ahead.pop() if ahead else None)
    if not isinstance(facts, Facts):
        return (*replay(once, facts), True)
    placed = _prepare(checkout, note, facts)
    body = answer(placed)
    if _write(placed, once, body):
        return CREATED, body, False
    # A rival with the same key was faster by a moment.
    first = answered(once)
    if first is None:
        raise StillRunning(_("The first request with this key is still running. Try again shortly."))
    return (*first, True)


def _checked(wish: Wish) -> Wish:
    check_items(wish.items)
    return wish


def _prepare(checkout: Checkout, note: str, facts: Facts) -> Placed:
    """Return the order to be, with everything decided and nothing written."""
    wish = checkout.wish
    if wish.user is None or facts.recipient is None:
        raise ValueError("an order needs a person and her address")
    if facts.has_cart:
        # What she put in before she signed in comes along, and leaves with what is bought.
        merge_carts(visitor_key=wish.visitor_key, user=wish.user, now=wish.now)
    found = quote_of(wish.items, facts, wish.coupons)
    _refuse_troubles(found)
    refuse_unused(found.coupons, wish.coupons)
    _refuse_other_price(found, checkout.expected_payable_fen)
    return Placed(order_rows(_draft(wish.user, facts.recipient, note, found, wish.now)), found)


_PLACE = (
    "SELECT checkout_place(%s::json, %s::json, %s::json, %s::bigint[], %s::bigint[], %s, %s, %s, %s,"
    " %s, %s, %s, %s, %s::jsonb)"
)
_PLACE_WITH_COUPONS = _PLACE.replace("checkout_place(", "checkout_place_with_coupons(%s::json, ")


def _write(placed: Placed, once: Once | None, body: Any) -> int:
    """Write all of it in one statement; return the order's id, 0 when the key was taken meanwhile."""
    rows, draft = placed.rows, placed.rows.draft
    pieces = pieces_by_sku((line.goods.sku_id, line.quantity) for line in placed.quote.lines)
    arguments = [
        *rows.json,
        list(pieces),
        list(pieces.values()),
        draft.user_id,
        rows.number,
        draft.expires_at,
        draft.placed_at,
        once.caller if once else "",
        once.key if once else "",
        once.asked if once else "",
        CREATED,
        orjson.dumps(kept_form(body)).decode() if once else None,
    ]
    uses = uses_of(placed.quote.coupons, [line.line for line in placed.quote.lines])
    # By itself it is a transaction of its own; inside another one it must leave that one usable.
    own = transaction.atomic() if connection.in_atomic_block else contextlib.nullcontext()
    try:
        with own, connection.cursor() as cursor:
            if uses:
                cursor.execute(_PLACE_WITH_COUPONS, [orjson.dumps(uses).decode(), *arguments])
            else:
                cursor.execute(_PLACE, arguments)
            (order_id,) = cursor.fetchone()
    except DatabaseError as error:
        refusal = out_of_stock(error) or coupon_refused(error)
        if refusal is None:
            raise
        raise refusal from error
    return int(order_id)


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


def _draft(user: User, recipient: Recipient, note: str, found: Quote, now: datetime) -> OrderDraft:
    return OrderDraft(
        user_id=user.pk,
        recipient=recipient,
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
        subsidy_fen=money.subsidy_fen,
        credit_evidence={
            "touches": list(credited.touch_numbers),
            "candidates": list(credited.evidence),
            "is_self_purchase": credited.is_self_purchase,
        },
    )
