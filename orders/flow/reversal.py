"""The way back: give up an order, refund any part of one at any time, claw back what it had brought.

One refund touches many books. All of it happens under the order's lock and in one transaction; only the
money itself follows later, when the gateway says that it has arrived.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from distributors.commissions import actions as commissions
from orders.aftersales import actions as aftersales
from orders.aftersales.models import AfterSale
from orders.aftersales.states import AfterSaleState
from orders.flow import delivery
from orders.flow.refunding import refund_locked
from orders.lifecycle import actions as lifecycle
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import OrderState, SupplierOrderState
from orders.payments import actions as payments
from orders.payments.models import Refund
from orders.payments.refunds import fail_refund, record_refund_state
from orders.payments.rules import MISMATCH, Claim, Expected, mismatch
from orders.payments.states import RefundState
from orders.shipments.models import Shipment
from shop.accounts.models import User
from shop.base.errors import Conflict, NotFound
from shop.base.locks import lock_rows, retry_on_contention
from shop.coupons import actions as coupons
from shop.gateways.contract import Notice
from shop.gateways.contract import RefundState as GatewayRefund
from shop.ledger import actions as ledger
from shop.ledger import chart
from shop.ledger.actions import Entry
from shop.notifications import actions as notifications
from shop.notifications.actions import Notice as Message
from shop.stock import actions as stock
from shop.work import actions as work

SUCCEEDED, SEEN, NOTED = "succeeded", "seen", "noted"


class NotCancellable(Conflict):
    """The order has gone too far to be cancelled; an after-sale is the way."""

    code = "not_cancellable"


@retry_on_contention()
def cancel_order(*, order: Order, actor: str, reason: str, now: datetime) -> Refund | None:
    """Give up an order that nobody has shipped anything of; return the refund when it was paid.

    Unpaid: the goods are free again, and its payments are made unpayable at the gateway. Paid: all
    that has not been given back goes back. Raises :class:`NotCancellable`.
    """
    with transaction.atomic():
        (locked,) = lock_rows(Order.objects.filter(pk=order.pk))
        if locked.state == OrderState.PLACED:
            _give_up(locked, reason=reason, actor=actor, kind="order_cancelled", now=now)
            return None
        parts = SupplierOrder.objects.filter(order=locked).exclude(state=SupplierOrderState.CLOSED)
        return _cancel_parts(locked, list(parts), actor=actor, reason=reason, now=now)


@retry_on_contention()
def cancel_supplier_order(*, supplier_order: SupplierOrder, actor: str, reason: str, now: datetime) -> Refund | None:
    """Give up one supplier's unshipped part of a paid order. Raises :class:`NotCancellable`."""
    with transaction.atomic():
        order, part = delivery.lock_part(supplier_order.pk)
        return _cancel_parts(order, [part], actor=actor, reason=reason, now=now)


def expire_order(*, number: str, now: datetime) -> bool:
    """Give up an order whose time to pay is over; true when this call did.

    Ask the gateway about its payments first: what was paid in time is never given up.
    """
    with transaction.atomic():
        rows = lock_rows(Order.objects.filter(number=number))
        if not rows or rows[0].state != OrderState.PLACED:
            return False
        (order,) = rows
        if now < order.expires_at:
            work.remember(what="order.expire", subject=number, due_at=order.expires_at)
            return False
        reason = str(_("not paid in time"))
        _give_up(order, reason=reason, actor="system", kind="order_expired", now=now)
        return True


def _give_up(order: Order, *, reason: str, actor: str, kind: str, now: datetime) -> None:
    payments.give_up(order=order, reason=reason, now=now)
    lifecycle.mark_cancelled(order=order, reason=reason, actor=actor, at=now)
    work.forget(what="order.expire", subject=order.number)
    facts = {"order": order.number, "reason": reason}
    notifications.notify(user_id=order.user_id, kind=kind, facts=facts, at=now)
    coupons.give_back(order_number=order.number, at=now)
    # Stock rows are locked last: a hot SKU stays locked until the commit.
    stock.release(reference=order.number, at=now)


def _cancel_parts(order: Order, parts: list[SupplierOrder], *, actor: str, reason: str, now: datetime) -> Refund | None:
    unshipped = all(part.state == SupplierOrderState.TO_SHIP for part in parts)
    sent = Shipment.objects.filter(supplier_order__in=parts).exists()
    if order.state != OrderState.PAID or not parts or not unshipped or sent:
        raise NotCancellable(
            _("This order cannot be cancelled any more. Ask for an after-sale instead."),
            extra={"state": order.state},
        )
    lines = OrderLine.objects.filter(order=order, supplier_order__in=parts)
    left = {line.line: (line.quantity - line.refunded_quantity, line.paid_fen - line.refunded_fen) for line in lines}
    freight_fen = sum(part.freight_fen - part.freight_refunded_fen for part in parts)
    return refund_locked(
        order=order,
        lines={line: wanted for line, wanted in left.items() if any(wanted)},
        freight_fen=freight_fen,
        cause=Refund.Cause.CANCELLED,
        reason=reason,
        aftersale=None,
        restock=True,
        actor=actor,
        now=now,
    )


@retry_on_contention()
def refund(
    *,
    order_number: str,
    lines: Mapping[int, tuple[int, int]],
    freight_fen: int,
    cause: str,
    aftersale: AfterSale | None = None,
    restock: bool,
    actor: str,
    now: datetime,
    reason: str = "",
) -> Refund:
    """Give back ``(pieces, fen)`` by line number, and freight, of a paid order; return the refund.

    Works before and after settlement and withdrawal. Raises ``NotFound``, ``Conflict`` for an order
    that is not paid, ``RefundTooLarge`` above what was paid, ``RefundNotPossible`` when the channel
    allows no more refunds.
    """
    with transaction.atomic():
        rows = lock_rows(Order.objects.filter(number=order_number))
        if not rows:
            raise NotFound(_("There is no such order."), field="order_number")
        return refund_locked(
            order=rows[0],
            lines=lines,
            freight_fen=freight_fen,
            cause=cause,
            reason=reason,
            aftersale=aftersale,
            restock=restock,
            actor=actor,
            now=now,
        )


@retry_on_contention()
def confirm_refund(
    *,
    gateway_name: str,
    notice: Notice | None = None,
    state: GatewayRefund | None = None,
    now: datetime,
) -> str:
    """Take in what a gateway says about a refund, by a proven notice or by a query's answer.

    Returns ``succeeded``, ``noted`` (still going, or failed and waiting for staff) or ``seen``. Raises
    ``NoticeMismatch`` when it does not fit our own records; the notice is kept, nothing else changes.
    """
    if notice is not None:
        state = _said(notice)
    if state is None:
        raise ValueError("confirm_refund() needs a notice or a state")
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


def withhold_refund(*, number: str, reason: str, now: datetime) -> None:
    """Do not send a refund before a person has looked: unless it was sent it fails with this reason; staff are told."""
    with transaction.atomic():
        for row in lock_rows(Refund.objects.filter(number=number, state=RefundState.REQUESTED)):
            fail_refund(number=number, reason=reason, now=now)
            row.refresh_from_db()
            _call_staff(row, now=now)


def _said(notice: Notice) -> GatewayRefund:
    words = ("processing", "succeeded", "abnormal", "closed")
    return GatewayRefund(
        number=notice.number,
        payment_number="",
        state=notice.state if notice.state in words else "processing",  # type: ignore[arg-type]
        amount_fen=notice.amount_fen,
        refund_id=notice.transaction_id,
        succeeded_at=notice.created_at,
    )


def _take_in(gateway_name: str, state: GatewayRefund, *, now: datetime) -> str:
    known = Refund.objects.filter(payment__gateway=gateway_name, number=state.number).first()
    if known is None:
        return f"{MISMATCH}:number"
    (order,) = lock_rows(Order.objects.filter(pk=known.order_id))
    (row,) = lock_rows(Refund.objects.filter(pk=known.pk).select_related("payment"))
    if state.state == "succeeded":
        if row.state == RefundState.VOIDED:
            return f"{MISMATCH}:voided"
        claim = Claim(state.number, state.amount_fen, state.refund_id)
        fault = mismatch(claim, Expected(row.number, row.amount_fen, row.gateway_refund_id))
        if fault:
            return fault
    if row.state in (RefundState.SUCCEEDED, RefundState.VOIDED):
        return SEEN
    if record_refund_state(refund=row, answer=state, now=now):
        _money_is_back(order, row, now=now)
        return SUCCEEDED
    if row.state == RefundState.FAILED:
        _call_staff(row, now=now)
    return NOTED


def _money_is_back(order: Order, row: Refund, *, now: datetime) -> None:
    """The customer has the money: the books say so, the case ends, perhaps the order too."""
    for case in AfterSale.objects.filter(order=order, refund_number=row.number).select_related("order_line"):
        if case.state in (AfterSaleState.AGREED, AfterSaleState.RECEIVED):
            aftersales.step(case=case, to=AfterSaleState.REFUNDED, actor="system", now=now, reason=row.number)
            line = case.order_line.line
            commissions.release_hold(order_number=order.number, line=line, reason=case.number, at=now)
    delivery.end_order(order, now=now)
    delivery.complete_soon(order, now=now)
    facts = {"order": order.number, "amount_fen": row.amount_fen}
    notifications.notify(user_id=order.user_id, kind="refund_succeeded", facts=facts, at=now)
    entry = Entry(
        debit=chart.clearing(order.number),
        credit=chart.gateway(row.payment.gateway),
        amount_fen=row.amount_fen,
    )
    ledger.post(
        kind=chart.JournalKind.REFUND_PAID,
        reference=order.number,
        key=f"refund_paid:{row.number}",
        entries=[entry],
        at=now,
    )


def _call_staff(row: Refund, *, now: datetime) -> None:
    facts = {"refund": row.number, "reason": row.fail_reason}
    people = User.objects.filter(is_staff=True, is_active=True).values_list("pk", flat=True)
    notifications.notify_all(notices=[Message(pk, "refund_failed", facts) for pk in people], at=now)
