"""A case between customer, supplier and platform, from the first word to the money.

Whoever's turn it is has a deadline; silence then decides: the supplier who does not answer has agreed, the
customer who sends nothing back keeps the goods, returned goods nobody looks at are taken as received.
While a case is open, what the line earned stays frozen.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from distributors.commissions import actions as commissions
from orders.aftersales import actions as aftersales
from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.rules import is_within_window, needs_return
from orders.aftersales.states import AfterSaleState
from orders.flow import delivery
from orders.flow.proposals import line_left, propose
from orders.flow.refunding import refund_locked
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import OrderState, SupplierOrderState
from orders.payments.models import Refund
from orders.shipments.queries import left_to_ship
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid, NotFound
from shop.base.locks import lock_rows, retry_on_contention
from shop.media.models import Picture
from shop.notifications import actions as notifications
from shop.notifications.actions import Notice

Author = Evidence.Author
Kind = AfterSale.Kind
State = AfterSaleState


class WindowClosed(Conflict):
    """The time for after-sales of this line is over."""

    code = "window_closed"


@retry_on_contention()
def open_aftersale(
    *,
    user: User,
    order_number: str,
    line: int,
    kind: str,
    reason: str,
    quantity: int,
    text: str = "",
    pictures: Sequence[Picture] = (),
    now: datetime,
) -> AfterSale:
    """Open a case about one line of the user's own order.

    ``quantity`` pieces are asked back for; 0, for refunds only, asks for all money that is left. The
    amount is computed, never given. What was not shipped is agreed to at once. Raises ``NotFound``,
    ``Invalid`` naming the field, :class:`WindowClosed`, ``CaseOpen``.
    """
    if kind not in Kind.values:
        raise Invalid(_("Choose what you want."), field="kind")
    if reason not in AfterSale.Reason.values:
        raise Invalid(_("Choose a reason."), field="reason")
    with transaction.atomic():
        orders = lock_rows(Order.objects.filter(user=user, number=order_number))
        found = OrderLine.objects.filter(order__in=orders, line=line).select_related("supplier_order")
        if not found:
            raise NotFound(_("There is no such order line."), field="line")
        order, order_line = orders[0], found[0]
        _check_may_open(order, order_line, kind=kind, quantity=quantity, now=now)
        case = aftersales.open_case(
            order_line=order_line,
            kind=kind,
            reason=reason,
            proposal=propose(order_line, quantity=quantity, reason=reason),
            now=now,
        )
        aftersales.add_evidence(case=case, author=Author.CUSTOMER, text=text, pictures=pictures, now=now)
        commissions.hold(order_number=order.number, line=line, reason=case.number, at=now)
        facts = {
            "order": order_line.supplier_order.number,
            "reason": str(case.get_reason_display()),
            "amount_fen": case.amount_fen,
        }
        _tell_supplier(case, "aftersale_opened", facts, now=now)
        if kind == Kind.CANCEL_BEFORE_SHIP:
            _agree(order, case, actor="system", reason="not shipped yet", now=now)
    return case


def _check_may_open(order: Order, line: OrderLine, *, kind: str, quantity: int, now: datetime) -> None:
    part = line.supplier_order
    if order.state not in (OrderState.PAID, OrderState.COMPLETED):
        raise Conflict(_("This order is not paid; there is nothing to give back."), code="not_paid")
    left = line_left(line)
    least = 0 if kind == Kind.REFUND_ONLY else 1
    if not least <= quantity <= left.left_quantity:
        raise Invalid(
            _("Choose from %(least)s to %(left)s pieces.") % {"least": least, "left": left.left_quantity},
            field="quantity",
        )
    if left.left_fen == 0:
        raise Invalid(_("Everything you paid for this was given back already."), field="line")
    if kind == Kind.CANCEL_BEFORE_SHIP:
        if part.state != SupplierOrderState.TO_SHIP or quantity > left_to_ship(part).get(line.line, 0):
            raise Conflict(_("These goods are on their way already."), code="shipped")
    elif part.state not in (SupplierOrderState.SHIPPED, SupplierOrderState.RECEIVED):
        if part.state == SupplierOrderState.TO_SHIP:
            raise Invalid(_("Nothing was shipped yet: cancel it instead."), field="kind")
        raise WindowClosed(_("The time for after-sales of this order is over."))
    in_time = is_within_window(received_at=line.received_at, window_ends_at=line.window_ends_at, now=now)
    if line.completed_at is not None or not in_time:
        raise WindowClosed(_("The time for after-sales of these goods is over."))


def _locked(aftersale: AfterSale) -> tuple[Order, AfterSale]:
    (order,) = lock_rows(Order.objects.filter(pk=aftersale.order_id))
    cases = AfterSale.objects.select_related("order_line__supplier_order")
    (case,) = lock_rows(cases.filter(pk=aftersale.pk))
    return order, case


@retry_on_contention()
def agree(*, aftersale: AfterSale, actor: str, text: str = "", now: datetime) -> AfterSale:
    """The supplier agrees: the goods come back first, or the money goes at once.

    Raises ``StateConflict`` unless the case waits for the supplier.
    """
    with transaction.atomic():
        order, case = _locked(aftersale)
        if case.state != State.OPENED:
            raise _not_waiting(case)
        aftersales.add_evidence(case=case, author=Author.SUPPLIER, text=text, now=now)
        _agree(order, case, actor=actor, reason=text, now=now)
    return case


def _agree(order: Order, case: AfterSale, *, actor: str, reason: str, now: datetime) -> None:
    """Move a case to agreed, and on: wait for the goods, or send the money."""
    waits = needs_return(case.kind)
    hours = settings.LINJIA_AFTERSALE_SEND_BACK_HOURS if waits else None
    aftersales.step(case=case, to=State.AGREED, actor=actor, now=now, reason=reason, hours=hours)
    notifications.notify(user_id=order.user_id, kind="aftersale_agreed", facts={"aftersale": case.number}, at=now)
    if not waits:
        _pay_back(order, case, restock=case.kind == Kind.CANCEL_BEFORE_SHIP, actor=actor, now=now)


def _pay_back(order: Order, case: AfterSale, *, restock: bool, actor: str, now: datetime) -> None:
    """Have the case's money sent, as far as it has not gone back in another way meanwhile."""
    line = OrderLine.objects.select_related("supplier_order").get(pk=case.order_line_id)
    part, left = line.supplier_order, line_left(line)
    goods_fen = min(case.amount_fen - case.freight_fen, left.left_fen)
    freight_fen = min(case.freight_fen, part.freight_fen - part.freight_refunded_fen)
    if goods_fen + freight_fen == 0:
        end = State.REFUNDED if case.state == State.RECEIVED else State.WITHDRAWN
        aftersales.step(case=case, to=end, actor="system", now=now, reason="refunded otherwise")
        _release(order, case, now=now)
        return
    aftersales.set_deadline(case=case, hours=None, now=now)
    refund_locked(
        order=order,
        lines={line.line: (min(case.quantity, left.left_quantity), goods_fen)},
        freight_fen=freight_fen,
        cause=Refund.Cause.AFTERSALE,
        reason=str(case.get_reason_display()),
        aftersale=case,
        restock=restock,
        actor=actor,
        now=now,
    )


@retry_on_contention()
def reject(*, aftersale: AfterSale, actor: str, text: str, now: datetime) -> AfterSale:
    """The supplier refuses, with its reason; the customer may ask the platform within some days.

    Raises ``Invalid`` without a reason, ``StateConflict`` unless the case waits for the supplier.
    """
    if not text.strip():
        raise Invalid(_("Say why you refuse."), field="text")
    with transaction.atomic():
        order, case = _locked(aftersale)
        hours = settings.LINJIA_AFTERSALE_ESCALATE_HOURS
        aftersales.step(case=case, to=State.REJECTED, actor=actor, now=now, reason=text, hours=hours)
        aftersales.add_evidence(case=case, author=Author.SUPPLIER, text=text, now=now)
        facts = {"aftersale": case.number, "reason": text.strip()}
        notifications.notify(user_id=order.user_id, kind="aftersale_rejected", facts=facts, at=now)
    return case


@retry_on_contention()
def escalate(
    *,
    aftersale: AfterSale,
    actor: str,
    text: str = "",
    pictures: Sequence[Picture] = (),
    now: datetime,
) -> AfterSale:
    """The customer asks the platform to decide a refused case.

    Raises :class:`WindowClosed` when the time to do so is over, ``StateConflict``.
    """
    with transaction.atomic():
        _order, case = _locked(aftersale)
        if case.state == State.REJECTED and (case.deadline_at is None or case.deadline_at <= now):
            raise WindowClosed(_("The time to ask the platform is over."))
        aftersales.step(case=case, to=State.ESCALATED, actor=actor, now=now, reason=text)
        aftersales.add_evidence(case=case, author=Author.CUSTOMER, text=text, pictures=pictures, now=now)
    return case


@retry_on_contention()
def decide(*, aftersale: AfterSale, is_agreed: bool, actor: str, text: str, now: datetime) -> AfterSale:
    """The platform decides an escalated case: as the customer asks, or not.

    Raises ``Invalid`` without a reason, ``StateConflict`` unless the case is with the platform.
    """
    if not text.strip():
        raise Invalid(_("Say why you decide so."), field="text")
    with transaction.atomic():
        order, case = _locked(aftersale)
        if case.state != State.ESCALATED:
            raise _not_waiting(case)
        aftersales.add_evidence(case=case, author=Author.PLATFORM, text=text, now=now)
        if is_agreed:
            _agree(order, case, actor=actor, reason=text, now=now)
        else:
            _end(order, case, actor=actor, reason=text, now=now)
    return case


@retry_on_contention()
def withdraw(*, aftersale: AfterSale, actor: str, now: datetime) -> AfterSale:
    """The customer takes the case back. Raises ``Conflict`` once its money is on the way."""
    with transaction.atomic():
        order, case = _locked(aftersale)
        if case.refund_number:
            raise Conflict(_("The money is on its way already."), code="refund_under_way")
        _end(order, case, actor=actor, reason="", now=now)
    return case


@retry_on_contention()
def send_back(*, aftersale: AfterSale, carrier: str, tracking_number: str, actor: str, now: datetime) -> AfterSale:
    """The customer sent the goods back. Raises ``Invalid`` naming what is missing, ``StateConflict``."""
    for field, value in (("carrier", carrier), ("tracking_number", tracking_number)):
        if not 0 < len(value.strip()) <= 40:
            raise Invalid(_("Give the carrier and the parcel's number."), field=field)
    with transaction.atomic():
        _order, case = _locked(aftersale)
        if not needs_return(case.kind):
            raise _not_waiting(case)
        changes = {
            "return_carrier": carrier.strip(),
            "return_tracking_number": tracking_number.strip(),
        }
        hours = settings.LINJIA_AFTERSALE_RECEIVE_HOURS
        aftersales.step(case=case, to=State.RETURNING, actor=actor, now=now, hours=hours, changes=changes)
    return case


@retry_on_contention()
def receive_back(*, aftersale: AfterSale, actor: str, now: datetime) -> AfterSale:
    """The returned goods are there: they go back on the shelf, the money goes back to the customer.

    Raises ``StateConflict`` unless they were on their way.
    """
    with transaction.atomic():
        order, case = _locked(aftersale)
        aftersales.step(case=case, to=State.RECEIVED, actor=actor, now=now)
        _pay_back(order, case, restock=True, actor=actor, now=now)
    return case


def say(*, aftersale: AfterSale, author: str, text: str, pictures: Sequence[Picture] = (), now: datetime) -> Evidence:
    """Add to the conversation of a case that has not ended; the others are told. Raises ``Invalid``, ``Conflict``."""
    with transaction.atomic():
        order, case = _locked(aftersale)
        if case.closed_at is not None:
            raise _not_waiting(case)
        said = aftersales.add_evidence(case=case, author=author, text=text, pictures=pictures, now=now)
        if said is None:
            raise Invalid(_("Write something or add a picture."), field="text")
        facts = {"aftersale": case.number, "text": said.text[:60] or "📷"}
        if author != Author.CUSTOMER:
            link = f"/after-sales/{case.number}/"
            notifications.notify(user_id=order.user_id, kind="aftersale_message", facts=facts, link=link, at=now)
        if author != Author.SUPPLIER:
            _tell_supplier(case, "aftersale_message", facts, now=now)
    return said


@retry_on_contention()
def decide_overdue(*, number: str, now: datetime) -> None:
    """Let silence decide a case whose deadline has passed; nothing when it was answered meanwhile."""
    known = AfterSale.objects.filter(number=number).first()
    if known is None:
        return
    with transaction.atomic():
        order, case = _locked(known)
        if case.deadline_at is None or case.deadline_at > now:
            return
        if case.state == State.OPENED:
            _agree(order, case, actor="system", reason="no answer in time", now=now)
        elif case.state == State.AGREED and not case.refund_number:
            _end(order, case, actor="system", reason="nothing was sent back in time", now=now)
        elif case.state == State.RETURNING:
            aftersales.step(case=case, to=State.RECEIVED, actor="system", now=now, reason="no word in time")
            _pay_back(order, case, restock=True, actor="system", now=now)
        elif case.state == State.REJECTED:
            AfterSale.objects.filter(pk=case.pk).update(closed_at=now, deadline_at=None)
            _release(order, case, now=now)


def _end(order: Order, case: AfterSale, *, actor: str, reason: str, now: datetime) -> None:
    aftersales.step(case=case, to=State.WITHDRAWN, actor=actor, now=now, reason=reason)
    _release(order, case, now=now)
    facts = {"aftersale": case.number}
    notifications.notify(user_id=order.user_id, kind="aftersale_closed", facts=facts, at=now)
    _tell_supplier(case, "aftersale_closed", facts, now=now)


def _release(order: Order, case: AfterSale, *, now: datetime) -> None:
    """What the line earned is no longer held; its window is looked at again."""
    line = case.order_line.line
    commissions.release_hold(order_number=order.number, line=line, reason=case.number, at=now)
    delivery.complete_soon(order, now=now)


def _tell_supplier(case: AfterSale, kind: str, facts: Mapping[str, object], *, now: datetime) -> None:
    part = SupplierOrder.objects.select_related("supplier").get(pk=case.supplier_order_id)
    people = part.supplier.members.values_list("user_id", flat=True)
    notifications.notify_all(notices=[Notice(pk, kind, facts) for pk in people], at=now)


def _not_waiting(case: AfterSale) -> Conflict:
    return Conflict(
        _("This after-sale does not wait for that; it is “%(state)s”.") % {"state": case.get_state_display()},
        code="state_conflict",
    )
