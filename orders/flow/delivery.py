"""Goods travel: ship, receive, and the return windows that close line by line."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from distributors.commissions import actions as commissions
from orders.aftersales.queries import blocked_lines
from orders.lifecycle import actions as lifecycle
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import OrderState, SupplierOrderState
from orders.payments.queries import has_pending_refund
from orders.settlements import actions as settlements
from orders.shipments import actions as shipments
from orders.shipments.models import Shipment
from orders.shipments.queries import left_to_ship
from shop.base.errors import Conflict
from shop.base.locks import lock_rows, require_transaction, retry_on_contention
from shop.notifications import actions as notifications
from shop.notifications.actions import Notice
from shop.states.machine import StateConflict
from shop.work import actions as work


class NotAllShipped(Conflict):
    """Some of the goods have not been shipped, so the order cannot have been received."""

    code = "not_all_shipped"


def lock_part(supplier_order_id: int) -> tuple[Order, SupplierOrder]:
    """Lock an order and one of its parts, in that order, and return them as they now are."""
    require_transaction()
    order_id = SupplierOrder.objects.values_list("order_id", flat=True).get(pk=supplier_order_id)
    (order,) = lock_rows(Order.objects.filter(pk=order_id))
    (part,) = lock_rows(SupplierOrder.objects.filter(pk=supplier_order_id))
    return order, part


@retry_on_contention()
def ship(
    *,
    supplier_order: SupplierOrder,
    carrier: str,
    tracking_number: str,
    quantities: Mapping[int, int] | None = None,
    actor: str,
    now: datetime,
) -> Shipment:
    """Send a parcel: everything that is left, or ``quantities`` pieces by line number.

    The first parcel moves the part to shipped and starts the time after which a silent customer counts
    as having received it; each further one gives that time anew. Raises what ``create_shipment`` does.
    """
    with transaction.atomic():
        order, part = lock_part(supplier_order.pk)
        shipment = shipments.create_shipment(
            supplier_order=part,
            carrier=carrier,
            tracking_number=tracking_number,
            quantities=quantities,
            at=now,
        )
        receive_at = now + timedelta(days=settings.LINJIA_AUTO_RECEIVE_DAYS)
        if part.state == SupplierOrderState.TO_SHIP:
            lifecycle.mark_shipped(supplier_order=part, auto_receive_at=receive_at, actor=actor, at=now)
        else:
            lifecycle.postpone_receipt(supplier_order=part, auto_receive_at=receive_at)
        work.forget(what="supplier_order.receive", subject=part.number)
        work.remember(what="supplier_order.receive", subject=part.number, due_at=receive_at)
        work.remember(what="shipping.upload", subject=shipment.number, due_at=now)
        facts = {"order": order.number, "carrier": carrier, "tracking": tracking_number}
        notifications.notify(user_id=order.user_id, kind="order_shipped", facts=facts, at=now)
    return shipment


@retry_on_contention()
def confirm_receipt(*, supplier_order: SupplierOrder, actor: str, now: datetime) -> None:
    """The goods arrived, said by the customer or taken as said: the return windows begin.

    Raises ``StateConflict`` unless the part is shipped, :class:`NotAllShipped` while some of it is not.
    """
    with transaction.atomic():
        order, part = lock_part(supplier_order.pk)
        if part.state == SupplierOrderState.SHIPPED and left_to_ship(part):
            raise NotAllShipped(_("Some of the goods have not been shipped yet."))
        lines = lifecycle.mark_received(supplier_order=part, actor=actor, at=now)
        work.forget(what="supplier_order.receive", subject=part.number)
        ends = [line.window_ends_at for line in lines if line.window_ends_at]
        if ends:
            work.remember(what="supplier_order.complete", subject=part.number, due_at=min(ends))
        facts = {"order": order.number}
        members = part.supplier.members.values_list("user_id", flat=True)
        notices = [Notice(user_id, "order_received", facts) for user_id in members]
        notifications.notify_all(notices=notices, at=now)


def receive_overdue(*, number: str, now: datetime) -> None:
    """Take a shipped part as received when its time is over; later, if its time was moved meanwhile."""
    part = SupplierOrder.objects.filter(number=number).first()
    if part is None or part.state != SupplierOrderState.SHIPPED or part.auto_receive_at is None:
        return
    again_at = part.auto_receive_at
    if again_at <= now:
        try:
            confirm_receipt(supplier_order=part, actor="system", now=now)
        except NotAllShipped:
            # Part of it never left: silence says nothing about that. Look again in a day.
            again_at = now + timedelta(days=1)
        except StateConflict:
            # The customer, or another worker, said so at this very moment.
            return
        else:
            return
    with transaction.atomic():
        work.forget(what="supplier_order.receive", subject=number)
        work.remember(what="supplier_order.receive", subject=number, due_at=again_at)


@retry_on_contention()
def complete_supplier_order(*, number: str, now: datetime) -> None:
    """Close the return windows that have passed, line by line; with the last one, the supplier order.

    A line with an open after-sale waits for its end and keeps no other line waiting. What a closed
    line earned becomes due. Safe to run at any time: it does what can be done and plans the rest.
    """
    with transaction.atomic():
        known = SupplierOrder.objects.filter(number=number).first()
        if known is None:
            return
        order, part = lock_part(known.pk)
        if part.state != SupplierOrderState.RECEIVED:
            return
        waiting = list(OrderLine.objects.filter(supplier_order=part, completed_at=None).order_by("line"))
        blocked = blocked_lines([line.pk for line in waiting], now)
        over = [line for line in waiting if line.window_ends_at and line.window_ends_at <= now]
        closing = [line for line in over if line.pk not in blocked]
        _close_lines(order, closing, now=now)
        closed = {line.pk for line in closing}
        left = [line for line in waiting if line.pk not in closed]
        if left or has_pending_refund(order):
            _look_again(part, left, now=now)
            return
        release_freight(order, [part.pk], now=now)
        lifecycle.mark_completed(supplier_order=part, actor="system", at=now)
        work.forget(what="supplier_order.complete", subject=number)


def _close_lines(order: Order, lines: list[OrderLine], *, now: datetime) -> None:
    if not lines:
        return
    OrderLine.objects.filter(order=order, pk__in=[line.pk for line in lines]).update(completed_at=now)
    commissions.set_due(order_number=order.number, lines=[line.line for line in lines], due_at=now)
    settle_at = now + timedelta(days=settings.LINJIA_SUPPLIER_SETTLE_DAYS)
    settlements.set_due(order=order, line_ids=[line.pk for line in lines], due_at=settle_at)


def _look_again(part: SupplierOrder, left: list[OrderLine], *, now: datetime) -> None:
    """Plan the next look: when the next window ends. The end of a case or refund asks for one itself."""
    ends = [line.window_ends_at for line in left if line.window_ends_at and line.window_ends_at > now]
    # A day is the safety net for a case or refund whose end nobody announced.
    due_at = min(ends) if ends else now + timedelta(days=1)
    work.forget(what="supplier_order.complete", subject=part.number)
    work.remember(what="supplier_order.complete", subject=part.number, due_at=due_at)


def release_freight(order: Order, part_ids: Iterable[int], *, now: datetime) -> None:
    """Make the freight of ended parts due: what was not given back, the supplier has earned."""
    settle_at = now + timedelta(days=settings.LINJIA_SUPPLIER_SETTLE_DAYS)
    settlements.set_due(order=order, line_ids=(), freight_of=part_ids, due_at=settle_at)


def end_parts(order: Order, part_ids: Iterable[int], *, reason: str, now: datetime) -> None:
    """Close the parts of which nothing is left to deliver, before they are completed."""
    for part in lock_rows(SupplierOrder.objects.filter(order=order, pk__in=list(part_ids))):
        if part.state in (SupplierOrderState.COMPLETED, SupplierOrderState.CLOSED):
            continue
        lifecycle.close_part(supplier_order=part, reason=reason, actor="system", at=now)
        work.forget(what="supplier_order.receive", subject=part.number)
        work.forget(what="supplier_order.complete", subject=part.number)
        release_freight(order, [part.pk], now=now)


def end_order(order: Order, *, now: datetime) -> None:
    """End a locked, paid order when every part has ended and no money is on its way back."""
    if order.state == OrderState.PAID and not has_pending_refund(order):
        lifecycle.end_order(order=order, actor="system", at=now)


def complete_soon(order: Order, *, now: datetime) -> None:
    """Have the received parts of an order looked at again: a case or a refund has ended."""
    parts = SupplierOrder.objects.filter(order=order, state=SupplierOrderState.RECEIVED)
    for number in parts.values_list("number", flat=True):
        work.remember(what="supplier_order.complete", subject=number, due_at=now)
