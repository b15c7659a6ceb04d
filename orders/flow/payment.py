"""Money arrives: ``confirm_payment`` and everything that follows from it, line by line.

Three ways lead here – a notice, a query, a reconciliation – and all of them end in one effect.
Money that the order cannot use any more (it came twice, or after the order had ended) is booked and
sent back in full: a cancelled order stays cancelled, for its goods may be somebody else's by now.
"""

import contextlib
from collections import defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from distributors.commissions import actions as commissions
from distributors.commissions.rules import Sale, SaleLine
from distributors.stores.models import Store
from orders.flow.rules import total_fen
from orders.lifecycle import actions as lifecycle
from orders.lifecycle.models import Order, OrderLine
from orders.lifecycle.states import OrderState
from orders.payments import actions as payments
from orders.payments.models import Payment, Refund
from orders.payments.queries import query_pause
from orders.payments.refunds import create_refund
from orders.payments.rules import MISMATCH, Claim, Expected, mismatch
from orders.payments.states import PaymentState
from orders.settlements import actions as settlements
from shop.base.locks import lock_rows, retry_on_contention
from shop.coupons import actions as coupons
from shop.gateways.contract import GatewayRefused, Notice
from shop.gateways.contract import PaymentState as GatewayPayment
from shop.gateways.registry import gateway_named
from shop.ledger import actions as ledger
from shop.ledger import chart
from shop.ledger.actions import Entry, Posting
from shop.notifications import actions as notifications
from shop.notifications.actions import Notice as Message
from shop.stock import actions as stock
from shop.suppliers.models import SupplierMember
from shop.work import actions as work

APPLIED, SEEN, IGNORED = "applied", "seen", "ignored"
LATE, SECOND = "late", "second"


class _NoGoods(Exception):
    """The order's pieces are gone although it still waited for its money."""


@retry_on_contention()
def confirm_payment(
    *,
    gateway_name: str,
    notice: Notice | None = None,
    state: GatewayPayment | None = None,
    now: datetime,
) -> str:
    """Take in what a gateway says about a payment, by a proven notice or by a query's answer.

    Returns what came of it: ``applied``, ``late`` or ``second`` (sent back), ``seen`` (it had been
    taken in before) or ``ignored`` (it does not say that money came). Raises ``NoticeMismatch`` when
    it does not fit our own records; the notice is kept with that outcome and nothing else changes.
    """
    if notice is not None:
        state = _said(notice)
    if state is None:
        raise ValueError("confirm_payment() needs a notice or a state")
    with transaction.atomic():
        row = None
        if notice is not None:
            row = payments.record_notice(gateway=gateway_name, notice=notice, now=now)
            if row is None:
                return SEEN
        outcome = _take_in(gateway_name, state, now=now)
        payments.note_outcome(notice=row, outcome=outcome)
    if outcome.startswith(MISMATCH):
        raise payments.mismatch_error(outcome)
    return outcome


def query_payment(*, number: str, now: datetime) -> str:
    """Ask the gateway what became of a payment and take the answer in; returns as ``confirm_payment``.

    While the customer may still pay, asking goes on by itself. Raises ``GatewayUnknown`` when nobody
    can tell, which leaves everything as it is.
    """
    payment = Payment.objects.filter(number=number).first()
    if payment is None or payment.state == PaymentState.SUCCEEDED:
        return SEEN
    answer = gateway_named(payment.gateway).query_payment(number)
    outcome = confirm_payment(gateway_name=payment.gateway, state=answer, now=now)
    if outcome == IGNORED:
        query_later(number=number, now=now)
    return outcome


def query_later(*, number: str, now: datetime) -> None:
    """Plan to ask again about a payment that can still be made: soon at first, every ten minutes later."""
    payment = Payment.objects.filter(number=number, state=PaymentState.STARTED).first()
    if payment is None:
        return
    least = timedelta(seconds=settings.LINJIA_QUERY_SECONDS)
    pause = query_pause(since=payment.started_at, now=now, least=least)
    with transaction.atomic():
        # A row of its own for each look: many looks are no failed tries.
        work.forget(what="payment.query", subject=number)
        work.remember(what="payment.query", subject=number, due_at=now + pause)


def close_payment(*, number: str, now: datetime) -> str:
    """Make a payment we gave up unpayable at the gateway; if it was paid meanwhile, take that in.

    Raises ``GatewayUnknown`` when nobody can tell: it is asked again.
    """
    payment = Payment.objects.filter(number=number).first()
    if payment is None or payment.state in (PaymentState.STARTED, PaymentState.SUCCEEDED):
        return SEEN
    rail = gateway_named(payment.gateway)
    # Refused when it is paid already or was never known there: the query below tells which.
    with contextlib.suppress(GatewayRefused):
        rail.close_payment(number)
    return confirm_payment(gateway_name=payment.gateway, state=rail.query_payment(number), now=now)


@retry_on_contention()
def take_in_lost(*, gateway_name: str, number: str, now: datetime) -> str:
    """Take in a payment that only the gateway remembers (we were restored to an earlier moment).

    It names the order it was for, and the amount must be the order's. Returns as ``confirm_payment``;
    raises ``NoticeMismatch`` when it names no order of ours, ``GatewayUnknown`` when nobody can tell.
    """
    state = gateway_named(gateway_name).query_payment(number)
    with transaction.atomic():
        orders = lock_rows(Order.objects.filter(number=state.reference))
        if not orders or state.state not in ("paid", "refunded") or state.amount_fen != orders[0].payable_fen:
            raise payments.mismatch_error(f"{MISMATCH}:order")
        if not Payment.objects.filter(number=number).exists():
            payments.restore_payment(
                order=orders[0], gateway=gateway_name, number=number, amount_fen=state.amount_fen, now=now
            )
        return confirm_payment(gateway_name=gateway_name, state=state, now=now)


def _said(notice: Notice) -> GatewayPayment:
    words = ("not_found", "unpaid", "paid", "closed", "refunded")
    return GatewayPayment(
        number=notice.number,
        state=notice.state if notice.state in words else "unpaid",  # type: ignore[arg-type]
        amount_fen=notice.amount_fen,
        transaction_id=notice.transaction_id,
        payer_openid=str(notice.raw.get("payer", {}).get("openid", "")),
        paid_at=notice.created_at,
        app_id=notice.app_id,
    )


def _take_in(gateway_name: str, state: GatewayPayment, *, now: datetime) -> str:
    payment: Payment | None = None
    # Lock order first: a notice, the expiry and a cancellation meet here.
    for order in lock_rows(Order.objects.filter(payments__gateway=gateway_name, payments__number=state.number)):
        (payment,) = lock_rows(Payment.objects.filter(order=order, number=state.number))
    if state.state not in ("paid", "refunded"):
        return IGNORED if payment is not None else f"{MISMATCH}:number"
    fault = _fault(state, payment)
    if fault or payment is None:
        return fault
    if payment.state == PaymentState.SUCCEEDED:
        if not state.transaction_id or state.transaction_id == payment.transaction_id:
            return SEEN
        # The gateway took the money a second time under one number.
        payment = _second_time(payment, now=now)
    if order.state == OrderState.PLACED:
        try:
            with transaction.atomic():
                _pay(order, payment, state, now=now)
            return APPLIED
        except _NoGoods:
            order.refresh_from_db()
            payment.refresh_from_db()
            lifecycle.mark_cancelled(order=order, reason="sold out", actor="system", at=now)
            payments.give_up(order=order, reason="sold out", now=now)
            coupons.give_back(order_number=order.number, at=now)
            payment.refresh_from_db()
    late = order.state == OrderState.CANCELLED
    cause = Refund.Cause.LATE_PAYMENT if late else Refund.Cause.SECOND_PAYMENT
    _send_back(order, payment, state, cause=cause, now=now)
    return LATE if late else SECOND


def _fault(state: GatewayPayment, payment: Payment | None) -> str:
    """Compare with our own records; return the mismatch, or an empty text.

    Whom a notice is for (the merchant, one of its apps) was compared when it was proven; which app, here.
    """
    claim = Claim(number=state.number, amount_fen=state.amount_fen)
    fault = mismatch(claim, Expected(payment.number, payment.amount_fen) if payment else None)
    if fault or payment is None:
        return fault
    if payment.app_id and state.app_id and state.app_id != payment.app_id:
        return f"{MISMATCH}:app_id"
    if not state.transaction_id:
        return ""
    known = Payment.objects.filter(gateway=payment.gateway, transaction_id=state.transaction_id).first()
    if known is None or known.pk == payment.pk:
        return ""
    return SEEN if known.gateway_number == payment.number else f"{MISMATCH}:transaction_id"


def _second_time(payment: Payment, *, now: datetime) -> Payment:
    return Payment.objects.create(
        order_id=payment.order_id,
        gateway=payment.gateway,
        gateway_number=payment.number,
        kind=payment.kind,
        app_id=payment.app_id,
        amount_fen=payment.amount_fen,
        payer_openid=payment.payer_openid,
        started_at=now,
    )


def _pay(order: Order, payment: Payment, state: GatewayPayment, *, now: datetime) -> None:
    """The order is paid: every consequence on its own line."""
    paid_at = state.paid_at or now
    lines = list(OrderLine.objects.filter(order=order).select_related("store", "referrer_store").order_by("line"))
    payments.record_success(
        payment=payment,
        transaction_id=state.transaction_id,
        payer_openid=state.payer_openid,
        is_applied=True,
        paid_at=paid_at,
        now=now,
    )
    payments.give_up(order=order, reason="the order was paid another way", now=now)
    lifecycle.mark_paid(order=order, paid_fen=payment.amount_fen, actor="system", at=now)
    divided = [
        *settlements.accrue(order=order, lines=lines, at=now),
        *commissions.accrue(sale=_sale(order, lines), at=now),
    ]
    funded = _coupons_funded(order, lines)
    fee = _fee_taken(order, order.payable_fen + total_fen(funded) - total_fen(divided))
    _take_goods(order, lines, now=now)
    ledger.post_many(postings=[_received(order, payment), *funded, *divided, *fee], at=now)
    work.forget(what="order.expire", subject=order.number)
    notifications.notify_all(notices=_good_news(order, lines), at=now)


def _take_goods(order: Order, lines: list[OrderLine], *, now: datetime) -> None:
    quantities: dict[int, int] = defaultdict(int)
    for line in lines:
        quantities[line.sku_id] += line.quantity
    if not stock.rereserve_and_commit(reference=order.number, quantities=quantities, at=now):
        raise _NoGoods(order.number)


def _sale(order: Order, lines: list[OrderLine]) -> Sale:
    return Sale(
        order_number=order.number,
        paid_at=order.paid_at or order.placed_at,
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
                store_code=line.store.code if line.store else "",
                referrer_store_id=line.referrer_store_id,
                referrer_store_code=line.referrer_store.code if line.referrer_store else "",
                rule_number=line.rule_number,
            )
            for line in lines
        ],
    )


def _received(order: Order, payment: Payment) -> Posting:
    entry = Entry(
        debit=chart.gateway(payment.gateway),
        credit=chart.clearing(order.number),
        amount_fen=payment.amount_fen,
    )
    key = f"payment_received:{payment.number}"
    return Posting(chart.JournalKind.PAYMENT_RECEIVED, order.number, key, [entry])


def _coupons_funded(order: Order, lines: list[OrderLine]) -> list[Posting]:
    """What the platform's coupons add to the customer's money, so that nobody else pays for them."""
    amount_fen = sum(line.subsidy_fen for line in lines)
    if amount_fen == 0:
        return []
    entry = Entry(debit=chart.coupon(chart.PLATFORM), credit=chart.clearing(order.number), amount_fen=amount_fen)
    return [Posting(chart.JournalKind.COUPON_FUNDED, order.number, f"coupon_funded:{order.number}", [entry])]


def _fee_taken(order: Order, rest_fen: int) -> list[Posting]:
    if rest_fen == 0:
        return []
    entry = Entry(debit=chart.clearing(order.number), credit=chart.platform_fee(), amount_fen=rest_fen)
    return [Posting(chart.JournalKind.FEE_TAKEN, order.number, f"fee_taken:{order.number}", [entry])]


def _send_back(order: Order, payment: Payment, state: GatewayPayment, *, cause: str, now: datetime) -> None:
    """Book money the order cannot use, and have all of it sent back."""
    payments.record_success(
        payment=payment,
        transaction_id=state.transaction_id,
        payer_openid=state.payer_openid,
        is_applied=False,
        paid_at=state.paid_at or now,
        now=now,
    )
    payment.refresh_from_db()
    create_refund(
        payment=payment,
        amount_fen=payment.amount_fen,
        freight_fen=0,
        lines=[],
        supplier_order=None,
        cause=cause,
        reason=str(Refund.Cause(cause).label),
        is_restocked=False,
        now=now,
    )
    ledger.post_many(postings=[_received(order, payment)], at=now)
    kind = "late_payment_refunded" if cause == Refund.Cause.LATE_PAYMENT else "second_payment_refunded"
    facts = {"order": order.number, "amount_fen": payment.amount_fen}
    notifications.notify(user_id=order.user_id, kind=kind, facts=facts, at=now)


def _good_news(order: Order, lines: list[OrderLine]) -> list[Message]:
    facts = {"order": order.number, "amount_fen": order.payable_fen}
    news = [Message(order.user_id, "order_paid", facts)]
    members = SupplierMember.objects.filter(supplier__supplier_orders__order=order)
    for user_id, part in members.values_list("user_id", "supplier__supplier_orders__number"):
        news.append(Message(user_id, "order_to_ship", {"order": part}))
    earned: dict[int, int] = defaultdict(int)
    for line in lines:
        if line.store_id:
            earned[line.store_id] += line.level1_fen
        if line.referrer_store_id:
            earned[line.referrer_store_id] += line.level2_fen
    owners = Store.objects.filter(pk__in=[store for store, fen in earned.items() if fen])
    for store_id, user_id in owners.values_list("pk", "distributor__user_id"):
        told = {"order": order.number, "amount_fen": earned[store_id]}
        news.append(Message(user_id, "commission_accrued", told))
    return news
