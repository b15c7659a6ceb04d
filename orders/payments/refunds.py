"""Money on its way back: the row with its fixed number, the sending, the result."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import OrderLine, SupplierOrder
from orders.payments.models import Payment, Refund, RefundLine, new_refund_number
from orders.payments.queries import query_pause
from orders.payments.rules import REFUNDS_MAX, Share, next_refund_at, split_refund
from orders.payments.states import PaymentState, RefundState
from shop.base.errors import Conflict
from shop.base.locks import lock_rows, require_transaction
from shop.base.money import format_yuan
from shop.gateways.contract import GatewayRefused
from shop.gateways.contract import RefundState as GatewayRefund
from shop.gateways.registry import gateway_named
from shop.states.machine import move
from shop.work import actions as work

PAID_ELSEWHERE = _("The channel paid it under %(number)s: %(reason)s")
# Why the rest of a refund waits whose other part was paid before.
REST = _("¥%(paid)s of %(refund)s were paid under %(number)s. Send this rest only if it is still owed.")


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
    replaces: Refund | None = None,
) -> Refund:
    """Write down a refund with its number (``number``, or a new one) and have it sent after the commit.

    ``replaces`` is a void refund whose place it takes: amount, freight and lines are then what goes beyond that one.
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
    more = Share(freight_fen, {line.order_line.pk: (line.quantity, line.amount_fen) for line in lines})
    taken_fen, whole = (0, more) if replaces is None else (replaces.amount_fen, _together(share_of(replaces), more))
    refund = Refund.objects.create(
        number=number or new_refund_number(),
        order=payment.order,
        payment=payment,
        supplier_order=supplier_order,
        cause=cause,
        reason=reason[:120],
        amount_fen=amount_fen + taken_fen,
        freight_fen=whole.freight_fen,
        requested_at=now,
        send_at=next_refund_at(now, list(earlier), spacing),
        replaces=replaces,
    )
    back = {line for line, (pieces, _fen) in more.lines.items() if pieces} if is_restocked else ()
    _write_lines(refund, whole, restocked=back)
    Payment.objects.filter(pk=payment.pk).update(
        refunded_fen=payment.refunded_fen + amount_fen, refund_count=payment.refund_count + (replaces is None)
    )
    work.remember(what="refund.send", subject=refund.number, due_at=refund.send_at)
    return refund


def share_of(refund: Refund) -> Share:
    """Return what a refund is for."""
    lines = refund.lines.values_list("order_line_id", "quantity", "amount_fen")
    return Share(refund.freight_fen, {line: (pieces, fen) for line, pieces, fen in lines})


def _together(one: Share, other: Share) -> Share:
    lines = dict(one.lines)
    for line, (pieces, fen) in other.lines.items():
        before = lines.get(line, (0, 0))
        lines[line] = (before[0] + pieces, before[1] + fen)
    return Share(one.freight_fen + other.freight_fen, lines)


def _write_lines(refund: Refund, share: Share, *, restocked: Iterable[int] = ()) -> None:
    back = set(restocked)
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, order_line_id=line, quantity=pieces, amount_fen=fen, is_restocked=line in back)
        for line, (pieces, fen) in share.lines.items()
    )


def void_refund(*, refund: Refund, by: str, actor: str, reason: str, now: datetime) -> None:
    """End a locked refund that failed, because the channel has paid it under the number ``by``.

    The caller writes down what takes its place; the database refuses to commit one whose place is not taken whole.
    Raises ``StateConflict`` unless it failed.
    """
    require_transaction()
    said = str(PAID_ELSEWHERE % {"number": by, "reason": reason})
    move(refund, RefundState.VOIDED, actor=actor, at=now, reason=said, changes={"fail_reason": said[:200]})
    work.forget(what="refund.query", subject=refund.number)
    work.forget(what="refund.send", subject=refund.number)


def take_place(*, refund: Refund, number: str, amount_fen: int, now: datetime) -> tuple[Refund, Refund | None]:
    """Write down what the channel paid under ``number`` in the place of a void refund, and the rest of that one.

    ``amount_fen`` is at most the refund's own. A rest has a new number and waits, failed, for a person's word.
    Nothing is counted: all of it was when the void one was decided. The caller holds the order's lock.
    """
    require_transaction()
    first, rest = split_refund(share_of(refund), amount_fen)
    paid = _in_place_of(refund, first, number=number, amount_fen=amount_fen, now=now)
    work.remember(what="refund.send", subject=number, due_at=now)
    rest_fen = refund.amount_fen - amount_fen
    if not rest_fen:
        # Nothing is left to pay, so the pieces are its own.
        _write_lines(paid, share_of(refund))
        return paid, None
    _write_lines(paid, first)
    left = _in_place_of(refund, rest, number=new_refund_number(), amount_fen=rest_fen, now=now)
    _write_lines(left, rest)
    facts = {"paid": format_yuan(amount_fen), "refund": refund.number, "number": number}
    fail_refund(number=left.number, reason=str(REST % facts), now=now)
    Payment.objects.filter(pk=refund.payment_id).update(refund_count=F("refund_count") + 1)
    return paid, left


def _in_place_of(refund: Refund, share: Share, *, number: str, amount_fen: int, now: datetime) -> Refund:
    return Refund.objects.create(
        number=number,
        order_id=refund.order_id,
        payment_id=refund.payment_id,
        supplier_order_id=refund.supplier_order_id,
        cause=refund.cause,
        reason=refund.reason,
        amount_fen=amount_fen,
        freight_fen=share.freight_fen,
        requested_at=now,
        send_at=now,
        replaces=refund,
    )


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
    if refund.state in (RefundState.SUCCEEDED, RefundState.VOIDED):
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
