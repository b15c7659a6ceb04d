"""Money on its way back: the row with its fixed number, the sending, the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import OrderLine, SupplierOrder
from orders.payments.models import Payment, Refund, RefundLine, new_refund_number
from orders.payments.queries import query_pause
from orders.payments.rules import REFUNDS_MAX, next_refund_at
from orders.payments.states import PaymentState, RefundState
from shop.base.errors import Conflict
from shop.base.locks import lock_rows, require_transaction
from shop.base.money import format_yuan
from shop.gateways.contract import GatewayRefused
from shop.gateways.contract import RefundState as GatewayRefund
from shop.gateways.registry import gateway_named
from shop.states.machine import move
from shop.work import actions as work


class RefundNotPossible(Conflict):
    """The payment cannot give back that much, or not once more."""

    code = "refund_not_possible"


@dataclass(frozen=True, slots=True)
class LineRefund:
    """How much of a refund belongs to one line; quantity 0 is a price difference."""

    order_line: OrderLine
    quantity: int
    amount_fen: int


def create_refund(
    *,
    payment: Payment,
    amount_fen: int,
    freight_fen: int,
    lines: Sequence[LineRefund],
    supplier_order: SupplierOrder | None,
    cause: str,
    reason: str,
    is_restocked: bool,
    now: datetime,
    number: str = "",
) -> Refund:
    """Write down a refund with its number (``number``, or a new one) and have it sent after the commit.

    The caller holds the order's lock. Raises :class:`RefundNotPossible` above what was paid, above
    the channel's number of refunds, or for a payment that never succeeded.
    """
    require_transaction()
    (payment,) = lock_rows(Payment.objects.filter(pk=payment.pk))
    left_fen = payment.amount_fen - payment.refunded_fen
    if payment.state != PaymentState.SUCCEEDED or amount_fen > left_fen:
        raise RefundNotPossible(
            _("At most ¥%(left)s of this payment can still be given back.") % {"left": format_yuan(left_fen)},
            field="amount_fen",
            extra={"left_fen": left_fen},
        )
    if payment.refund_count >= REFUNDS_MAX:
        raise RefundNotPossible(
            _("The channel allows %(most)s refunds for one payment, and they are used up.") % {"most": REFUNDS_MAX}
        )
    earlier = payment.refunds.order_by("-send_at").values_list("send_at", flat=True)[:1]
    spacing = timedelta(seconds=settings.LINJIA_REFUND_SPACING_SECONDS)
    refund = Refund.objects.create(
        number=number or new_refund_number(),
        order=payment.order,
        payment=payment,
        supplier_order=supplier_order,
        cause=cause,
        reason=reason[:120],
        amount_fen=amount_fen,
        freight_fen=freight_fen,
        requested_at=now,
        send_at=next_refund_at(now, list(earlier), spacing),
    )
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=refund,
            order_line=line.order_line,
            quantity=line.quantity,
            amount_fen=line.amount_fen,
            is_restocked=is_restocked and line.quantity > 0,
        )
        for line in lines
    )
    Payment.objects.filter(pk=payment.pk).update(
        refunded_fen=payment.refunded_fen + amount_fen, refund_count=payment.refund_count + 1
    )
    work.remember(what="refund.send", subject=refund.number, due_at=refund.send_at)
    return refund


def send_refund(*, number: str, now: datetime) -> GatewayRefund | None:
    """Ask the channel to give the money back; return its answer, None when there is nothing to send.

    The row is moved to ``sent`` and committed before the call; every call uses the same number, so a
    repetition after a lost answer is the same refund. Raises ``GatewayUnknown`` when nobody can tell;
    the query that is due then finds out.
    """
    refund = _claim(number=number, now=now)
    if refund is None:
        return None
    payment = refund.payment
    try:
        return gateway_named(payment.gateway).refund(
            number=refund.number,
            payment_number=payment.gateway_number or payment.number,
            amount_fen=refund.amount_fen,
            total_fen=payment.amount_fen,
            reason=refund.reason,
            transaction_id=payment.transaction_id if payment.gateway_number else "",
        )
    except GatewayRefused as error:
        fail_refund(number=refund.number, reason=str(error), now=now)
        return None


def _claim(*, number: str, now: datetime) -> Refund | None:
    with transaction.atomic(durable=True):
        rows = lock_rows(Refund.objects.select_related("payment").filter(number=number))
        if not rows or rows[0].state not in (RefundState.REQUESTED, RefundState.SENT):
            return None
        (refund,) = rows
        if refund.state == RefundState.REQUESTED:
            move(refund, RefundState.SENT, actor="system", at=now)
        query_later(refund, now)
    return refund


def send_again(*, number: str, actor: str, now: datetime) -> Refund:
    """Have a failed refund sent once more, under its own number.

    Raises ``StateConflict`` when it is not waiting for that.
    """
    with transaction.atomic():
        (refund,) = lock_rows(Refund.objects.filter(number=number))
        move(refund, RefundState.SENT, actor=actor, at=now, changes={"fail_reason": ""})
        work.remember(what="refund.send", subject=refund.number, due_at=now)
    return refund


def fail_refund(*, number: str, reason: str, now: datetime) -> None:
    """Write down that the channel did not do it; a person decides whether to send it again."""
    with transaction.atomic():
        rows = lock_rows(Refund.objects.filter(number=number))
        for refund in rows:
            if refund.state in (RefundState.REQUESTED, RefundState.SENT):
                move(
                    refund,
                    RefundState.FAILED,
                    actor="system",
                    at=now,
                    reason=reason,
                    changes={"fail_reason": reason[:200]},
                )
                work.forget(what="refund.query", subject=refund.number)


def record_refund_state(*, refund: Refund, answer: GatewayRefund, now: datetime) -> bool:
    """Write down what the channel says about a locked refund; True when it has just succeeded.

    An older word that arrives after a newer one changes nothing: what succeeded stays so.
    """
    require_transaction()
    if refund.state == RefundState.SUCCEEDED:
        return False
    if answer.state == "succeeded":
        move(
            refund,
            RefundState.SUCCEEDED,
            actor="system",
            at=now,
            changes={
                "gateway_refund_id": answer.refund_id,
                "succeeded_at": answer.succeeded_at or now,
                "fail_reason": "",
            },
        )
        work.forget(what="refund.query", subject=refund.number)
        work.forget(what="refund.send", subject=refund.number)
        return True
    if answer.state in ("abnormal", "closed"):
        fail_refund(number=refund.number, reason=f"gateway: {answer.state}", now=now)
        refund.refresh_from_db()
    elif answer.state == "not_found" and refund.state == RefundState.SENT:
        # The request never reached the channel: send it again, under the same number.
        work.remember(what="refund.send", subject=refund.number, due_at=now)
    elif refund.state == RefundState.SENT:
        query_later(refund, now)
    return False


def query_later(refund: Refund, now: datetime) -> None:
    """Plan to ask what became of a refund: soon at first, every ten minutes in the end."""
    least = timedelta(seconds=settings.LINJIA_QUERY_SECONDS)
    pause = query_pause(since=refund.requested_at, now=now, least=least)
    # A row of its own for each look: many looks are no failed tries.
    work.forget(what="refund.query", subject=refund.number)
    work.remember(what="refund.query", subject=refund.number, due_at=now + pause)
