"""An order is paid: what follows for everybody, decided here, written in one statement by ``flow_pay``."""

import contextlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from django.db import DatabaseError, connection, transaction

from distributors.commissions import actions as commissions
from distributors.commissions.rules import Sale, SaleLine
from orders.flow.rules import total_fen
from orders.lifecycle.rules import SoldOrder
from orders.payments import actions as payments
from orders.payments.rules import TakingFacts
from orders.settlements import actions as settlements
from shop.gateways.contract import Notice
from shop.gateways.contract import PaymentState as GatewayPayment
from shop.ledger import actions as ledger
from shop.ledger import chart
from shop.ledger.actions import Entry, Posting
from shop.notifications import actions as notifications
from shop.notifications.actions import Notice as Message
from shop.stock import actions as stock
from shop.work import actions as work

# How the database says that the event, or the order, went on meanwhile; and that the books refuse.
_OVERTAKEN = frozenset({"LJ004", "LJ005"})
_REFUSED = "LJ006"
_NO_NOTICE = ("", "", "", 0, "null")

_PAY = (
    "SELECT flow_pay(%s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s, %s, %s::json, %s::json, %s::json,"
    f" %s::bigint[], %s::bigint[], %s, {ledger.POST_MARKS})"
)


class Overtaken(Exception):
    """The order or its payment is no longer what it was decided on; nothing was written."""


class NoGoods(Exception):
    """The order's pieces are gone although it still waited for its money; nothing was written."""


def pay(
    *,
    gateway: str,
    facts: TakingFacts,
    said: GatewayPayment,
    notice: Notice | None,
    now: datetime,
) -> None:
    """Pay a waiting order with everything that follows, or write nothing. One statement.

    ``notice`` is kept with it as applied; None when there is none or the caller keeps it. By itself it
    is a transaction of its own. Raises :class:`Overtaken`, :class:`NoGoods`, and ``Conflict`` when the books refuse.
    """
    if facts.payment is None or facts.sold is None:
        raise ValueError("there is nothing to pay")
    payment, sold = facts.payment, without_payers(facts.sold, facts.payers)
    earnings, owed = settlements.accrual(sold)
    shares, earned = commissions.accrual(_sale(sold, now))
    funded = _coupons_funded(sold)
    divided = [*owed, *earned]
    fee = _fee_taken(sold, sold.payable_fen + total_fen(funded) - total_fen(divided))
    postings = [received(gateway, sold.number, payment.number, payment.amount_fen), *funded, *divided, *fee]
    pieces = _pieces(sold)
    arguments = [
        gateway,
        *(_told(notice) if notice else _NO_NOTICE),
        *(sold.id, sold.number, payment.amount_fen, payment.id),
        *(said.transaction_id, said.payer_openid, said.paid_at or now),
        *(earnings, shares, notifications.message_rows(_good_news(sold))),
        *(list(pieces), list(pieces.values())),
        now,
        *ledger.post_arguments(postings=postings, at=now),
    ]
    if _write(arguments):
        work.ring_after_commit()


def _write(arguments: list[Any]) -> int:
    """Write all of it; return how many other payments of the order were given up."""
    # Inside somebody's transaction it must leave that one usable.
    own = transaction.atomic() if connection.in_atomic_block else contextlib.nullcontext()
    try:
        with own, connection.cursor() as cursor:
            cursor.execute(_PAY, arguments)
            (others,) = cursor.fetchone()
    except DatabaseError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error
    return int(others)


def _refusal(error: DatabaseError) -> Exception | None:
    """Return our word for what ``flow_pay`` refuses; None when it was something else that failed."""
    cause: Any = error.__cause__
    code = getattr(cause, "pgcode", None)
    if code in _OVERTAKEN:
        return Overtaken()
    if stock.is_short(error):
        return NoGoods()
    if code == _REFUSED:
        return ledger.refusal_of(*orjson.loads(cause.diag.message_detail))
    return None


def _told(notice: Notice) -> list[Any]:
    event, _kind, *rest = payments.notice_values(notice)
    return [event, *rest]


def received(gateway: str, order_number: str, payment_number: str, amount_fen: int) -> Posting:
    """Return the posting of money that came in for an order."""
    entry = Entry(debit=chart.gateway(gateway), credit=chart.clearing(order_number), amount_fen=amount_fen)
    return Posting(chart.JournalKind.PAYMENT_RECEIVED, order_number, f"payment_received:{payment_number}", [entry])


def without_payers(sold: SoldOrder, payers: Collection[int]) -> SoldOrder:
    """Return the order without the shares of stores whose owner paid it: nobody earns from what she pays herself.

    What they were promised stays with the platform's rest.
    """
    if not any(line.owner_id in payers or line.referrer_owner_id in payers for line in sold.lines):
        return sold
    lines = [
        replace(
            line,
            level1_fen=0 if line.owner_id in payers else line.level1_fen,
            level2_fen=0 if line.referrer_owner_id in payers else line.level2_fen,
        )
        for line in sold.lines
    ]
    return replace(sold, lines=lines)


def _pieces(sold: SoldOrder) -> dict[int, int]:
    """Return the pieces by SKU id, in SKU order."""
    pieces: dict[int, int] = defaultdict(int)
    for line in sold.lines:
        pieces[line.sku_id] += line.quantity
    return dict(sorted(pieces.items()))


def _sale(sold: SoldOrder, paid_at: datetime) -> Sale:
    return Sale(
        order_number=sold.number,
        paid_at=paid_at,
        lines=[
            SaleLine(
                line=line.line,
                paid_fen=line.paid_fen,
                supplier_fen=line.supplier_fen,
                level1_bp=line.level1_bp,
                level2_bp=line.level2_bp,
                level1_fen=line.level1_fen,
                level2_fen=line.level2_fen,
                store_id=line.store_id,
                store_code=line.store_code,
                referrer_store_id=line.referrer_store_id,
                referrer_store_code=line.referrer_store_code,
                rule_number=line.rule_number,
            )
            for line in sold.lines
        ],
    )


def _coupons_funded(sold: SoldOrder) -> list[Posting]:
    """What the platform's coupons add to the customer's money, so that nobody else pays for them."""
    amount_fen = sum(line.subsidy_fen for line in sold.lines)
    if amount_fen == 0:
        return []
    entry = Entry(debit=chart.coupon(chart.PLATFORM), credit=chart.clearing(sold.number), amount_fen=amount_fen)
    return [Posting(chart.JournalKind.COUPON_FUNDED, sold.number, f"coupon_funded:{sold.number}", [entry])]


def _fee_taken(sold: SoldOrder, rest_fen: int) -> list[Posting]:
    if rest_fen == 0:
        return []
    entry = Entry(debit=chart.clearing(sold.number), credit=chart.platform_fee(), amount_fen=rest_fen)
    return [Posting(chart.JournalKind.FEE_TAKEN, sold.number, f"fee_taken:{sold.number}", [entry])]


def _good_news(sold: SoldOrder) -> list[Message]:
    """The customer, everybody who works for a supplier of hers, and whose stores earn by it."""
    facts = {"order": sold.number, "amount_fen": sold.payable_fen}
    news = [Message(sold.user_id, "order_paid", facts)]
    news += [
        Message(user_id, "order_to_ship", {"order": part.number}) for part in sold.parts for user_id in part.member_ids
    ]
    earned: dict[int, int] = defaultdict(int)
    for line in sold.lines:
        for owner_id, fen in ((line.owner_id, line.level1_fen), (line.referrer_owner_id, line.level2_fen)):
            if owner_id is not None:
                earned[owner_id] += fen
    for owner_id, fen in earned.items():
        if fen:
            news.append(Message(owner_id, "commission_accrued", {"order": sold.number, "amount_fen": fen}))
    return news
