"""Refunds that the gateway remembers better than we do: after a restore to an earlier moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale
from orders.flow.refunding import refund_locked
from orders.flow.reversal import confirm_refund
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import SupplierOrderState
from orders.payments.models import Payment, Refund
from orders.payments.refunds import take_place, void_refund
from orders.payments.states import RefundState
from shop.base.errors import Conflict, Invalid, NotFound
from shop.base.locks import lock_rows, retry_on_contention
from shop.base.money import allocate
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.contract import RefundState as Told
from shop.gateways.registry import gateway_named
from shop.states.machine import StateConflict

_MOVED = ("succeeded", "processing", "abnormal")
# Of a number that the gateway tells so, nothing will be paid unless we send it again.
_NEVER_PAID = ("not_found", "closed")


class RefundWaits(Conflict):
    """A refund of the same payment has not been sent: a person says first whether the gateway's is that one."""

    code = "refund_waits"


@retry_on_contention()
def adopt_refund(*, gateway_name: str, number: str, actor: str, now: datetime, is_besides: bool = False) -> Refund:
    """Write down a refund that only the gateway remembers, under its number; no money moves.

    When it was all that is left of the order, its pieces go back with it, and into stock if nothing was
    shipped. A part is shared over the lines as a price difference: which pieces it was for is forgotten.
    Raises ``Conflict`` when the number is known or nothing was given back under it, ``NotFound`` when its
    payment is not ours or did not pay an order, ``GatewayUnknown`` when nobody can tell. While a refund of the same
    payment waits, it may be this very one, decided again: :func:`replace_refund` says so, ``is_besides`` says that
    it is another, and without either :class:`RefundWaits` is raised.
    """
    told = _moved(gateway_named(gateway_name).query_refund(number), number)
    with transaction.atomic():
        refund = _written_down(gateway_name, told, is_besides=is_besides, actor=actor, now=now)
        confirm_refund(gateway_name=gateway_name, state=told, now=now)
    refund.refresh_from_db()
    return refund


@retry_on_contention()
def replace_refund(*, number: str, by: str, actor: str, reason: str, now: datetime) -> Refund:
    """End a refund that failed, because the gateway has paid it under the number ``by``, which our books lost.

    Returns that one, which takes its place; no money moves, and what was taken back for the first stays taken. Paid
    more than that: the rest is given back besides, as :func:`adopt_refund` does. Paid less: what is still owed gets a
    number of its own and waits for a person. Repeating it changes nothing.

    Asks the gateway first: one that was paid under its own number is confirmed, and one that may still be paid
    stays. Raises ``NotFound``, ``Invalid`` (``reason``, ``by``), ``Conflict`` (also when the gateway does not answer;
    nothing is changed then).
    """
    if not reason.strip():
        raise Invalid(_("Say why."), field="reason")
    failed = Refund.objects.select_related("payment").filter(number=number).first()
    if failed is None:
        raise NotFound(_("There is no such refund."), field="number")
    done = Refund.objects.filter(number=by, replaces=failed).first()
    if done is not None:
        return done
    if failed.state != RefundState.FAILED:
        raise StateConflict(
            _("This cannot be done any more: it is “%(source)s” now.") % {"source": failed.get_state_display()}
        )
    told = _paid_instead(failed, by, now=now)
    with transaction.atomic():
        refund = _in_its_place(failed, told, actor=actor, reason=reason.strip(), now=now)
        confirm_refund(gateway_name=failed.payment.gateway, state=told, now=now)
    refund.refresh_from_db()
    return refund


def _moved(told: Told, number: str) -> Told:
    if told.state not in _MOVED:
        facts = {"number": number, "state": told.state}
        raise Conflict(
            _("The gateway has given nothing back under %(number)s; it says “%(state)s”.") % facts,
            code="not_there",
            field="by",
        )
    return told


def _paid_instead(failed: Refund, by: str, *, now: datetime) -> Told:
    """Return what the gateway says of ``by``, when it is a refund of the same payment and ``failed`` was not paid."""
    payment = failed.payment
    rail = gateway_named(payment.gateway)
    try:
        own, told = rail.query_refund(failed.number), rail.query_refund(by)
    except GatewayUnknown:
        raise Conflict(
            _("The channel did not answer; nothing was changed. Please try again."), code="gateway_unknown"
        ) from None
    except GatewayRefused as error:
        raise Conflict(
            _("The channel refused to tell: %(why)s") % {"why": error.message}, code="gateway_refused"
        ) from error
    if own.state == "succeeded":
        confirm_refund(gateway_name=payment.gateway, state=own, now=now)
        raise Conflict(_("The channel has paid it under its own number; it is booked so now."), code="paid")
    if own.state not in _NEVER_PAID:
        raise Conflict(
            _("The channel knows it as “%(state)s” and may still pay it.") % {"state": own.state}, code="may_be_paid"
        )
    if _moved(told, by).payment_number != (payment.gateway_number or payment.number):
        raise Invalid(_("%(number)s is a refund of another payment.") % {"number": by}, field="by")
    return told


def _in_its_place(failed: Refund, told: Told, *, actor: str, reason: str, now: datetime) -> Refund:
    (order,) = lock_rows(Order.objects.filter(pk=failed.order_id))
    (row,) = lock_rows(Refund.objects.filter(pk=failed.pk))
    # What was sent and failed meanwhile would have to be asked about anew.
    if (row.state, row.fail_reason) != (failed.state, failed.fail_reason):
        raise StateConflict(_("Someone was faster. Reload the page to see the present state."))
    _refuse_known(told)
    void_refund(refund=row, by=told.number, actor=actor, reason=reason, now=now)
    rest: Refund | None = None
    if told.amount_fen > row.amount_fen:
        refund = _give_back(order, told, replaces=row, actor=actor, now=now)
    else:
        refund, rest = take_place(refund=row, number=told.number, amount_fen=told.amount_fen, now=now)
    # A case waits for what is still owed of it.
    AfterSale.objects.filter(order=order, refund_number=row.number).update(refund_number=(rest or refund).number)
    return refund


def _written_down(gateway_name: str, told: Told, *, is_besides: bool, actor: str, now: datetime) -> Refund:
    payment = Payment.objects.filter(gateway=gateway_name, number=told.payment_number, is_applied=True).first()
    if payment is None:
        raise NotFound(_("Its payment %(number)s paid no order of ours.") % {"number": told.payment_number})
    (order,) = lock_rows(Order.objects.filter(pk=payment.order_id))
    _refuse_known(told)
    waiting = Refund.objects.filter(payment=payment, state__in=(RefundState.REQUESTED, RefundState.FAILED)).first()
    if waiting is not None and not is_besides:
        raise RefundWaits(
            _(
                "Refund %(waiting)s of the same payment waits and may be this one, decided again. Say which it is:"
                " that one (--instead-of, once it has failed), or another (--besides)."
            )
            % {"waiting": waiting.number}
        )
    return _give_back(order, told, replaces=None, actor=actor, now=now)


def _refuse_known(told: Told) -> None:
    if Refund.objects.filter(number=told.number).exists():
        raise Conflict(_("Refund %(number)s is known already.") % {"number": told.number}, code="known")


def _give_back(order: Order, told: Told, *, replaces: Refund | None, actor: str, now: datetime) -> Refund:
    """Give back what the gateway gave, as far as a refund that it ``replaces`` has not done so."""
    wanted = _wanted(order, told.amount_fen - (replaces.amount_fen if replaces else 0))
    return refund_locked(
        order=order,
        lines=wanted.lines,
        freight_fen=wanted.freight_fen,
        cause=replaces.cause if replaces else Refund.Cause.STAFF,
        reason=replaces.reason if replaces else str(_("given back before the database was restored")),
        aftersale=None,
        restock=wanted.is_restocked,
        actor=actor,
        number=told.number,
        replaces=replaces,
        now=now,
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """``(pieces, fen)`` by line number, the freight, and whether pieces go into stock."""

    lines: Mapping[int, tuple[int, int]]
    freight_fen: int
    is_restocked: bool


def _wanted(order: Order, amount_fen: int) -> _Wanted:
    lines = OrderLine.objects.filter(order=order).order_by("line")
    left = {line.line: (line.quantity - line.refunded_quantity, line.paid_fen - line.refunded_fen) for line in lines}
    parts = list(SupplierOrder.objects.filter(order=order))
    freight_fen = sum(part.freight_fen - part.freight_refunded_fen for part in parts)
    if amount_fen == freight_fen + sum(fen for _pieces, fen in left.values()):
        return _Wanted({line: back for line, back in left.items() if any(back)}, freight_fen, _is_unshipped(parts))
    shared, freight_fen = _shared(amount_fen, left)
    return _Wanted(shared, freight_fen, is_restocked=False)


def _shared(amount_fen: int, left: Mapping[int, tuple[int, int]]) -> tuple[dict[int, tuple[int, int]], int]:
    """Return the amount over the lines, by what is left of each, and what goes beyond them as freight."""
    goods_fen = min(amount_fen, sum(fen for _pieces, fen in left.values()))
    shares = allocate(goods_fen, [fen for _pieces, fen in left.values()]) if goods_fen else []
    return {line: (0, fen) for line, fen in zip(left, shares, strict=False) if fen}, amount_fen - goods_fen


def _is_unshipped(parts: Sequence[SupplierOrder]) -> bool:
    return all(part.state == SupplierOrderState.TO_SHIP for part in parts)
