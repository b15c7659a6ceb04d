"""Money arrives: ``confirm_payment`` and everything that follows from it, line by line.

Three ways lead here – a notice, a query, a reconciliation – and all of them end in one effect.
Money that the order cannot use any more (it came twice, or after the order had ended) is booked and
sent back in full: a cancelled order stays cancelled, for its goods may be somebody else's by now.
"""

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from orders.flow import paid
from orders.lifecycle import actions as lifecycle
from orders.lifecycle.models import Order
from orders.lifecycle.states import OrderState
from orders.payments import actions as payments
from orders.payments.models import Payment, Refund, refund_number_of
from orders.payments.queries import query_pause, taking_facts
from orders.payments.refunds import create_refund
from orders.payments.rules import MISMATCH, Claim, Expected, TakingFacts, mismatch
from orders.payments.states import PaymentState
from shop.base.locks import lock_rows, retry_on_contention
from shop.coupons import actions as coupons
from shop.gateways.contract import GatewayRefused, Notice
from shop.gateways.contract import PaymentState as GatewayPayment
from shop.gateways.registry import gateway_named
from shop.ledger import actions as ledger
from shop.notifications import actions as notifications
from shop.work import actions as work

APPLIED, SEEN, IGNORED = "applied", "seen", "ignored"
LATE, SECOND, TWICE = "late", "second", "twice"


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
    facts = _facts(gateway_name, state, notice.event_id if notice else "")
    if notice is not None and facts.told is not None:
        payments.refuse_other(notice, facts.told)
        return SEEN
    if _meaning(state, facts) == APPLIED and _pay_at_once(gateway_name, notice, state, facts, now=now):
        return APPLIED
    with transaction.atomic():
        row = None
        if notice is not None:
            row = payments.record_notice(gateway=gateway_name, notice=notice, now=now)
            if row is None:
                return SEEN
        outcome = _take_in(gateway_name, state, now=now)
        payments.note_outcome(notice_id=row, outcome=outcome)
    if outcome.startswith(MISMATCH):
        raise payments.mismatch_error(outcome)
    return outcome


def _pay_at_once(
    gateway_name: str, notice: Notice | None, state: GatewayPayment, facts: TakingFacts, *, now: datetime
) -> bool:
    """What nearly always comes: money that a waiting order waits for. Nothing was locked since the facts were read.

    False when it became anything else meanwhile, or the goods are gone: then nothing is written.
    """
    try:
        _pay(gateway_name, notice, state, facts, now=now)
    except (paid.Overtaken, paid.NoGoods):
        return False
    return True


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
    """Take in what needs the order's lock first: whatever does not simply pay a waiting order."""
    order: Order | None = None
    payment: Payment | None = None
    # Lock order first: a notice, the expiry and a cancellation meet here.
    for order in lock_rows(Order.objects.filter(payments__gateway=gateway_name, payments__number=state.number)):
        (payment,) = lock_rows(Payment.objects.filter(order=order, number=state.number))
    facts = _facts(gateway_name, state)
    what = _meaning(state, facts)
    if what == TWICE and order and payment and facts.payment:
        # The gateway took the money a second time under one number.
        payment = _second_time(payment, now=now)
        facts = replace(facts, payment=replace(facts.payment, id=payment.pk, number=payment.number))
        what = _use(order.state)
    if what not in (APPLIED, LATE, SECOND) or order is None or payment is None:
        return what
    if what == APPLIED:
        try:
            _pay(gateway_name, None, state, facts, now=now)
            return APPLIED
        except paid.NoGoods:
            what = LATE
        lifecycle.mark_cancelled(order=order, reason="sold out", actor="system", at=now)
        payments.give_up(order=order, reason="sold out", now=now)
        coupons.give_back(order_number=order.number, at=now)
        payment.refresh_from_db()
    cause = Refund.Cause.LATE_PAYMENT if what == LATE else Refund.Cause.SECOND_PAYMENT
    _send_back(order, payment, state, cause=cause, now=now)
    return what


def _pay(gateway_name: str, notice: Notice | None, state: GatewayPayment, facts: TakingFacts, *, now: datetime) -> None:
    paid.pay(gateway=gateway_name, facts=facts, said=state, notice=notice, now=now)


def _facts(gateway_name: str, state: GatewayPayment, event_id: str = "") -> TakingFacts:
    return taking_facts(
        gateway=gateway_name,
        number=state.number,
        transaction_id=state.transaction_id,
        event_id=event_id,
        payer_openid=state.payer_openid,
    )


def _meaning(state: GatewayPayment, facts: TakingFacts) -> str:
    """Return what a gateway's word comes to by these facts: an outcome, or ``TWICE``."""
    if state.state not in ("paid", "refunded"):
        return IGNORED if facts.payment is not None else f"{MISMATCH}:number"
    fault = _fault(state, facts)
    if fault or facts.payment is None or facts.sold is None:
        return fault
    if facts.payment.state == PaymentState.SUCCEEDED:
        is_same = not state.transaction_id or state.transaction_id == facts.payment.transaction_id
        return SEEN if is_same else TWICE
    return _use(facts.sold.state)


def _use(order_state: str) -> str:
    """Return what money does for an order in this state."""
    if order_state == OrderState.PLACED:
        return APPLIED
    return LATE if order_state == OrderState.CANCELLED else SECOND


def _fault(state: GatewayPayment, facts: TakingFacts) -> str:
    """Compare with our own records; return the mismatch, or an empty text.

    Whom a notice is for (the merchant, one of its apps) was compared when it was proven; which app, here.
    """
    payment, known = facts.payment, facts.known
    claim = Claim(number=state.number, amount_fen=state.amount_fen)
    fault = mismatch(claim, Expected(payment.number, payment.amount_fen) if payment else None)
    if fault or payment is None:
        return fault
    if payment.app_id and state.app_id and state.app_id != payment.app_id:
        return f"{MISMATCH}:app_id"
    if known is None or known.payment_id == payment.id:
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
        number=refund_number_of(state.transaction_id, payment.gateway_number or payment.number),
    )
    money = paid.received(payment.gateway, order.number, payment.number, payment.amount_fen)
    ledger.post_many(postings=[money], at=now)
    kind = "late_payment_refunded" if cause == Refund.Cause.LATE_PAYMENT else "second_payment_refunded"
    facts = {"order": order.number, "amount_fen": payment.amount_fen}
    notifications.notify(user_id=order.user_id, kind=kind, facts=facts, at=now)
