"""What can happen to an order's record once it is placed: it is paid, sent, received, completed, given up.

Only states, stamps and counters change here; stock, money and commissions are the flow's business.
Locks: the order's row first, then its parts, then its lines.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, models, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.rules import order_end, window_end
from orders.lifecycle.states import OrderState, SupplierOrderState
from shop.base.errors import Conflict, NotFound
from shop.base.locks import lock_rows, require_transaction
from shop.states.machine import move, move_many


class OrderPaidAlready(Conflict):
    """The order is not waiting for money any more."""

    code = "order_not_waiting"


class RefundTooLarge(Conflict):
    """More would go back than was bought or paid; someone may have been faster."""

    code = "refund_too_large"


def mark_paid(*, order: Order, paid_fen: int, actor: str, at: datetime) -> None:
    """Note that the whole order is paid; its parts go to their suppliers.

    Raises :class:`OrderPaidAlready` when it is not waiting for money (any more), ``Conflict`` when
    the amount (fen) is not what is payable.
    """
    require_transaction()
    if order.state != OrderState.PLACED:
        raise OrderPaidAlready(_("This order does not wait for payment any more."))
    if paid_fen != order.payable_fen:
        raise Conflict(
            _("The amount is not what the order costs."),
            code="wrong_amount",
            extra={"payable_fen": order.payable_fen, "paid_fen": paid_fen},
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT lifecycle_mark_paid(%s, %s, %s, %s)", [order.pk, paid_fen, actor, at])
        (is_paid,) = cursor.fetchone()
    if not is_paid:
        raise OrderPaidAlready(_("This order does not wait for payment any more."))
    order.state, order.paid_fen, order.paid_at = OrderState.PAID, paid_fen, at


def mark_cancelled(*, order: Order, reason: str, actor: str, at: datetime) -> None:
    """Give up an order that is not paid; its parts close. Raises ``Conflict`` when it is paid."""
    require_transaction()
    changes = {"cancelled_at": at, "cancel_reason": reason[:120]}
    # A customer's own words stand in her order alone: the history keeps for ever what it is told.
    told = "" if actor.startswith("user:") else reason
    move(order, OrderState.CANCELLED, actor=actor, at=at, reason=told, changes=changes)
    for state in (SupplierOrderState.WAITING, SupplierOrderState.HELD):
        _move_parts(order, state, SupplierOrderState.CLOSED, actor=actor, at=at, reason=told)


def mark_shipped(*, supplier_order: SupplierOrder, auto_receive_at: datetime, actor: str, at: datetime) -> None:
    """Note that the first parcel left. Raises ``Conflict`` unless it was to be shipped."""
    move(
        supplier_order,
        SupplierOrderState.SHIPPED,
        actor=actor,
        at=at,
        changes={"shipped_at": at, "auto_receive_at": auto_receive_at},
    )


def postpone_receipt(*, supplier_order: SupplierOrder, auto_receive_at: datetime) -> None:
    """Give a customer longer before a shipped part counts as received; never shorter."""
    later = SupplierOrder.objects.filter(
        pk=supplier_order.pk,
        state=SupplierOrderState.SHIPPED,
        auto_receive_at__lt=auto_receive_at,
    )
    if later.update(auto_receive_at=auto_receive_at):
        supplier_order.auto_receive_at = auto_receive_at


def mark_received(*, supplier_order: SupplierOrder, actor: str, at: datetime) -> list[OrderLine]:
    """Note that the parcels arrived; the return window of every line starts now.

    Returns the part's lines with ``window_ends_at``. Raises ``Conflict`` unless it was shipped.
    """
    with transaction.atomic():
        changes = {"received_at": at}
        move(supplier_order, SupplierOrderState.RECEIVED, actor=actor, at=at, changes=changes)
        lines = list(OrderLine.objects.filter(supplier_order=supplier_order).order_by("line"))
        for line in lines:
            line.received_at = at
            line.window_ends_at = window_end(at, line.return_days)
        OrderLine.objects.bulk_update(lines, ["received_at", "window_ends_at"])
        return lines


def mark_completed(*, supplier_order: SupplierOrder, actor: str, at: datetime) -> Order:
    """Note that a part's return windows are over; with its last part the order ends too.

    Returns the order as it now is. Raises ``Conflict`` unless the part was received and every
    window has passed.
    """
    with transaction.atomic():
        order = _locked(Order.objects.filter(pk=supplier_order.order_id))
        lines = OrderLine.objects.filter(supplier_order=supplier_order)
        if lines.filter(window_ends_at__gt=at).exists():
            raise Conflict(_("The return window is still open."), code="window_open")
        changes = {"completed_at": at}
        move(supplier_order, SupplierOrderState.COMPLETED, actor=actor, at=at, changes=changes)
        lines.filter(completed_at=None).update(completed_at=at)
        end_order(order=order, actor=actor, at=at)
        return order


def close_part(*, supplier_order: SupplierOrder, reason: str, actor: str, at: datetime) -> None:
    """Close a part of which nothing is left to deliver. Raises ``Conflict`` when it has ended."""
    move(supplier_order, SupplierOrderState.CLOSED, actor=actor, at=at, reason=reason)


def end_order(*, order: Order, actor: str, at: datetime) -> bool:
    """End a paid order whose parts have all ended: completed, or refunded when all money went back.

    True when this call did. The caller holds the order's lock.
    """
    require_transaction()
    if order.state != OrderState.PAID:
        return False
    states = SupplierOrder.objects.filter(order=order).values_list("state", flat=True)
    to = order_end(list(states), paid_fen=order.paid_fen, refunded_fen=order.refunded_fen)
    if to is None:
        return False
    changes = {"completed_at": at} if to == OrderState.COMPLETED else {}
    move(order, to, actor=actor, at=at, changes=changes)
    return True


def add_refund(
    *,
    order: Order,
    lines: Mapping[int, tuple[int, int]],
    freight_fen: Mapping[int, int] | None = None,
) -> int:
    """Add to what an order gave back; return the sum added in fen.

    ``lines`` holds (pieces, fen) by line number, 0 pieces for a price difference; ``freight_fen`` is
    by supplier order id. Call it with the order locked
    (``lock_order``). Raises :class:`RefundTooLarge` when a line, a part's freight or the order would
    give back more than was bought or paid; the caller's transaction must then not commit.
    """
    require_transaction()
    freight = {part_id: fen for part_id, fen in (freight_fen or {}).items() if fen}
    amounts = [amount_fen for _pieces, amount_fen in lines.values()] + list(freight.values())
    quantities = [quantity for quantity, _amount_fen in lines.values()]
    if not amounts or min(amounts) < 0 or min(quantities, default=0) < 0 or sum(amounts) == 0:
        raise RefundTooLarge(_("Say what goes back: pieces and an amount above zero."), code="nothing")
    by_part: dict[int, int] = dict(freight)
    for number, (quantity, amount_fen) in sorted(lines.items()):
        part_id = _add_to_line(order, number, quantity, amount_fen)
        by_part[part_id] = by_part.get(part_id, 0) + amount_fen
    for part_id, amount_fen in sorted(by_part.items()):
        _add_to_part(order, part_id, amount_fen, freight.get(part_id, 0))
    total_fen = sum(amounts)
    changed = Order.objects.filter(pk=order.pk, refunded_fen__lte=F("paid_fen") - total_fen).update(
        refunded_fen=F("refunded_fen") + total_fen
    )
    if changed != 1:
        raise _too_large()
    order.refunded_fen += total_fen
    return total_fen


def lock_order(*, number: str) -> Order:
    """Lock and return an order. Raises ``NotFound``."""
    return _locked(Order.objects.filter(number=number))


def _locked(orders: models.QuerySet[Order]) -> Order:
    rows = lock_rows(orders)
    if not rows:
        raise NotFound(_("There is no such order."), field="order_number")
    return rows[0]


def _move_parts(order: Order, source: str, to: str, *, actor: str, at: datetime, reason: str = "") -> None:
    parts = SupplierOrder.objects.filter(order=order, state=source).values_list("pk", flat=True)
    move_many(SupplierOrder, list(parts), source=source, to=to, actor=actor, at=at, reason=reason)


def _add_to_line(order: Order, number: int, quantity: int, amount_fen: int) -> int:
    line = OrderLine.objects.filter(order=order, line=number)
    changed = line.filter(
        refunded_quantity__lte=F("quantity") - quantity,
        refunded_fen__lte=F("paid_fen") - amount_fen,
    ).update(
        refunded_quantity=F("refunded_quantity") + quantity,
        refunded_fen=F("refunded_fen") + amount_fen,
    )
    part_id = line.values_list("supplier_order_id", flat=True).first()
    if changed != 1 or part_id is None:
        raise _too_large()
    return part_id


def _add_to_part(order: Order, part_id: int, amount_fen: int, freight_fen: int) -> None:
    changed = SupplierOrder.objects.filter(
        pk=part_id,
        order=order,
        refunded_fen__lte=F("payable_fen") - amount_fen,
        freight_refunded_fen__lte=F("freight_fen") - freight_fen,
    ).update(
        refunded_fen=F("refunded_fen") + amount_fen,
        freight_refunded_fen=F("freight_refunded_fen") + freight_fen,
    )
    if changed != 1:
        raise _too_large()


def _too_large() -> RefundTooLarge:
    return RefundTooLarge(_("More would go back than was paid. Reload the page to see what is left."))
