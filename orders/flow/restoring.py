"""Refunds that the gateway remembers better than we do: after a restore to an earlier moment."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from orders.flow.refunding import refund_locked
from orders.flow.reversal import confirm_refund
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import SupplierOrderState
from orders.payments.models import Payment, Refund
from shop.base.errors import Conflict, NotFound
from shop.base.locks import lock_rows, retry_on_contention
from shop.base.money import allocate
from shop.gateways.contract import RefundState
from shop.gateways.registry import gateway_named

_MOVED = ("succeeded", "processing", "abnormal")


@retry_on_contention()
def adopt_refund(*, gateway_name: str, number: str, actor: str, now: datetime) -> Refund:
    """Write down a refund that only the gateway remembers, under its number; no money moves.

    When it was all that is left of the order, its pieces go back with it, and into stock if nothing was
    shipped. A part is shared over the lines as a price difference: which pieces it was for is forgotten.
    Raises ``Conflict`` when the number is known or nothing was given back under it, ``NotFound`` when its
    payment is not ours or did not pay an order, ``GatewayUnknown`` when nobody can tell.
    """
    told = gateway_named(gateway_name).query_refund(number)
    if told.state not in _MOVED:
        facts = {"number": number, "state": told.state}
        raise Conflict(
            _("The gateway has given nothing back under %(number)s; it says “%(state)s”.") % facts, code="not_there"
        )
    with transaction.atomic():
        refund = _written_down(gateway_name, told, actor=actor, now=now)
        confirm_refund(gateway_name=gateway_name, state=told, now=now)
    refund.refresh_from_db()
    return refund


def _written_down(gateway_name: str, told: RefundState, *, actor: str, now: datetime) -> Refund:
    payment = Payment.objects.filter(gateway=gateway_name, number=told.payment_number, is_applied=True).first()
    if payment is None:
        raise NotFound(_("Its payment %(number)s paid no order of ours.") % {"number": told.payment_number})
    (order,) = lock_rows(Order.objects.filter(pk=payment.order_id))
    if Refund.objects.filter(number=told.number).exists():
        raise Conflict(_("Refund %(number)s is known already.") % {"number": told.number}, code="known")
    lines = OrderLine.objects.filter(order=order).order_by("line")
    left = {line.line: (line.quantity - line.refunded_quantity, line.paid_fen - line.refunded_fen) for line in lines}
    parts = list(SupplierOrder.objects.filter(order=order))
    freight_fen = sum(part.freight_fen - part.freight_refunded_fen for part in parts)
    is_all = told.amount_fen == freight_fen + sum(fen for _pieces, fen in left.values())
    if is_all:
        back = {line: wanted for line, wanted in left.items() if any(wanted)}
    else:
        back, freight_fen = _shared(told.amount_fen, left)
    return refund_locked(
        order=order,
        lines=back,
        freight_fen=freight_fen,
        cause=Refund.Cause.STAFF,
        reason=str(_("given back before the database was restored")),
        aftersale=None,
        restock=is_all and _is_unshipped(parts),
        actor=actor,
        number=told.number,
        now=now,
    )


def _shared(amount_fen: int, left: Mapping[int, tuple[int, int]]) -> tuple[dict[int, tuple[int, int]], int]:
    """Return the amount over the lines, by what is left of each, and what goes beyond them as freight."""
    goods_fen = min(amount_fen, sum(fen for _pieces, fen in left.values()))
    shares = allocate(goods_fen, [fen for _pieces, fen in left.values()]) if goods_fen else []
    return {line: (0, fen) for line, fen in zip(left, shares, strict=False) if fen}, amount_fen - goods_fen


def _is_unshipped(parts: Sequence[SupplierOrder]) -> bool:
    return all(part.state == SupplierOrderState.TO_SHIP for part in parts)
