"""One refund and its consequences, for an order that is locked already."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext_lazy as _

from distributors.commissions import actions as commissions
from orders.aftersales import actions as aftersales
from orders.aftersales.models import AfterSale
from orders.aftersales.states import AfterSaleState
from orders.flow import delivery
from orders.flow.forgotten import refuse_when_forgotten
from orders.flow.rules import is_money_back, share_freight, total_fen
from orders.lifecycle import actions as lifecycle
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import OrderState, SupplierOrderState
from orders.payments.models import Refund
from orders.payments.queries import applied_payment
from orders.payments.refunds import LineRefund, create_refund
from orders.settlements import actions as settlements
from shop.base.errors import Conflict, Invalid
from shop.base.locks import require_transaction
from shop.coupons import actions as coupons
from shop.coupons.rules import kept_subsidy_fen
from shop.ledger import actions as ledger
from shop.ledger import chart
from shop.ledger.actions import Entry, Posting
from shop.notifications import actions as notifications
from shop.stock import actions as stock


def refund_locked(
    *,
    order: Order,
    lines: Mapping[int, tuple[int, int]],
    freight_fen: int,
    cause: str,
    reason: str,
    aftersale: AfterSale | None,
    restock: bool,
    actor: str,
    now: datetime,
    number: str = "",
    replaces: Refund | None = None,
) -> Refund:
    """Give back ``(pieces, fen)`` by line number, and freight: every consequence on its own line.

    See :func:`orders.flow.reversal.refund`, which locks the order and calls this. ``number`` is given for a
    refund that the gateway knows already; a new one is refused while this order's may have been forgotten. One that
    ``replaces`` a void one is for what that one was, whose consequences stand, and for this besides.
    """
    require_transaction()
    payment = applied_payment(order)
    if payment is None:
        raise Conflict(_("This order is not paid; there is nothing to give back."), code="not_paid")
    if not number:
        refuse_when_forgotten(order, payment)
    touched = _lines_of(order, lines)
    freight_of = _freight_of(order, touched, freight_fen)
    amount_fen = lifecycle.add_refund(order=order, lines=lines, freight_fen=freight_of)
    parts = {line.supplier_order_id for line in touched} | set(freight_of)
    _refuse_stranded(parts)
    row = create_refund(
        payment=payment,
        amount_fen=amount_fen,
        freight_fen=freight_fen,
        lines=[LineRefund(line, *lines[line.line]) for line in touched],
        supplier_order=SupplierOrder.objects.get(pk=min(parts)) if len(parts) == 1 else None,
        cause=cause,
        reason=reason or str(Refund.Cause(cause).label),
        is_restocked=restock,
        now=now,
        number=number,
        replaces=replaces,
    )
    if aftersale is not None:
        AfterSale.objects.filter(pk=aftersale.pk).update(refund_number=row.number)
        aftersale.refund_number = row.number
    returned_fen = _subsidy_returned(touched, lines)
    postings = _claw_back(order, row, amount_fen=amount_fen, returned_fen=returned_fen, now=now)
    over = _over(order)
    _withdraw_moot_cases(order, over, besides=aftersale, actor=actor, now=now)
    delivery.end_parts(order, _whole_parts(order, over), reason=row.number, now=now)
    facts = {"order": order.number, "amount_fen": amount_fen}
    notifications.notify(user_id=order.user_id, kind="refund_sent", facts=facts, at=now)
    if _is_cancelled_whole(order):
        coupons.give_back(order_number=order.number, at=now)
    if restock:
        _restock(row, touched, lines, now=now)
    ledger.post_many(postings=postings, at=now)
    return row


def _lines_of(order: Order, lines: Mapping[int, tuple[int, int]]) -> list[OrderLine]:
    found = list(OrderLine.objects.filter(order=order, line__in=list(lines)).order_by("line"))
    missing = set(lines) - {line.line for line in found}
    if missing:
        raise Invalid(_("This order has no line %(line)s.") % {"line": min(missing)}, field="lines")
    return found


def _freight_of(order: Order, touched: list[OrderLine], freight_fen: int) -> dict[int, int]:
    """Return whose freight goes back, by supplier order id: of the parts that the lines belong to."""
    if freight_fen < 0:
        raise Invalid(_("Freight cannot be negative."), field="freight_fen")
    parts = SupplierOrder.objects.filter(order=order)
    if touched:
        parts = parts.filter(pk__in={line.supplier_order_id for line in touched})
    left = {part.pk: part.freight_fen - part.freight_refunded_fen for part in parts}
    try:
        return {part: fen for part, fen in share_freight(freight_fen, left).items() if fen}
    except ValueError:
        raise lifecycle.RefundTooLarge(_("More freight would go back than was paid."), field="freight_fen") from None


def _refuse_stranded(parts: Iterable[int]) -> None:
    """Raise ``Invalid`` when no piece of an unsent part would be left to send, and money all the same.

    Nobody could end such a part: its supplier has nothing to send, its customer nothing to receive.
    """
    mine = OrderLine.objects.filter(supplier_order=OuterRef("pk"))
    has_money, has_pieces = (
        mine.filter(refunded_fen__lt=F("paid_fen")),
        mine.filter(refunded_quantity__lt=F("quantity")),
    )
    unsent = SupplierOrder.objects.filter(pk__in=list(parts), state=SupplierOrderState.TO_SHIP)
    if unsent.filter(Exists(has_money), ~Exists(has_pieces)).exists():
        raise Invalid(
            _(
                "Nothing has been sent, and every piece would go back: then all the money of these goods goes back, too."
            ),
            field="lines",
        )


def _subsidy_returned(touched: list[OrderLine], lines: Mapping[int, tuple[int, int]]) -> int:
    """Return what of the platform's coupons this refund gives back: what stayed before less what stays now.

    ``touched`` are the lines as they were before it.
    """
    found_fen = 0
    for line in touched:
        before, after = (
            kept_subsidy_fen(subsidy_fen=line.subsidy_fen, paid_fen=line.paid_fen, refunded_fen=refunded_fen)
            for refunded_fen in (line.refunded_fen, line.refunded_fen + lines[line.line][1])
        )
        found_fen += before - after
    return found_fen


def _claw_back(order: Order, row: Refund, *, amount_fen: int, returned_fen: int, now: datetime) -> list[Posting]:
    """Take the refund's ``amount_fen`` back from everybody it had gone to; the platform bears the rest.

    ``returned_fen`` is what its coupons get back beside the customer.
    """
    refunded = dict(OrderLine.objects.filter(order=order).values_list("line", "refunded_fen"))
    taken = [
        *commissions.claw_back(
            order_number=order.number,
            refund_number=row.number,
            refunded_fen_by_line={line: fen for line, fen in refunded.items() if fen},
            at=now,
        ),
        *settlements.deduct(order=order, refund_number=row.number, at=now),
    ]
    rest_fen = amount_fen + returned_fen - total_fen(taken)
    clearing, fee = chart.clearing(order.number), chart.platform_fee()
    if rest_fen > 0:
        entry = Entry(debit=fee, credit=clearing, amount_fen=rest_fen)
        key = f"fee_returned:{row.number}"
        taken.append(Posting(chart.JournalKind.FEE_RETURNED, order.number, key, [entry]))
    elif rest_fen < 0:
        # Shares are rounded down when they shrink, so a fen may be left over: it is the platform's.
        entry = Entry(debit=clearing, credit=fee, amount_fen=-rest_fen)
        key = f"fee_taken:{row.number}"
        taken.append(Posting(chart.JournalKind.FEE_TAKEN, order.number, key, [entry]))
    if returned_fen:
        entry = Entry(debit=clearing, credit=chart.coupon(chart.PLATFORM), amount_fen=returned_fen)
        key = f"coupon_returned:{row.number}"
        taken.append(Posting(chart.JournalKind.COUPON_RETURNED, order.number, key, [entry]))
    return taken


def _over(order: Order) -> dict[int, list[tuple[int, bool]]]:
    """Return for each part its line ids and whether nothing of them is left.

    When all money has gone back everything is over, also what came free with it.
    """
    all_back = order.refunded_fen == order.paid_fen
    lines: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for line in OrderLine.objects.filter(order=order):
        is_over = is_money_back(line.paid_fen, line.refunded_fen, line.quantity, line.refunded_quantity)
        lines[line.supplier_order_id].append((line.pk, is_over or all_back))
    return lines


def _whole_parts(order: Order, over: Mapping[int, list[tuple[int, bool]]]) -> list[int]:
    """Return the parts whose every line is over; a paid order's only."""
    if order.state != OrderState.PAID:
        return []
    return [part for part, lines in over.items() if all(is_over for _line, is_over in lines)]


def _withdraw_moot_cases(
    order: Order,
    over: Mapping[int, list[tuple[int, bool]]],
    *,
    besides: AfterSale | None,
    actor: str,
    now: datetime,
) -> None:
    """End the cases about lines of which nothing is left: their money goes back another way."""
    ended = [line for lines in over.values() for line, is_over in lines if is_over]
    cases = AfterSale.objects.filter(
        order=order,
        order_line_id__in=ended,
        state__in=[AfterSaleState.OPENED, AfterSaleState.AGREED, AfterSaleState.ESCALATED],
        refund_number="",
    )
    others = cases.exclude(pk=besides.pk) if besides else cases
    for case in others.select_related("order_line"):
        aftersales.step(case=case, to=AfterSaleState.WITHDRAWN, actor=actor, now=now, reason="refunded otherwise")


def _is_cancelled_whole(order: Order) -> bool:
    """Whether all money went back before anything was shipped: then her coupons are hers again."""
    is_shipped = SupplierOrder.objects.filter(order=order, shipped_at__isnull=False).exists()
    return order.refunded_fen == order.paid_fen and not is_shipped


def _restock(row: Refund, touched: list[OrderLine], lines: Mapping[int, tuple[int, int]], *, now: datetime) -> None:
    quantities: dict[int, int] = defaultdict(int)
    for line in touched:
        quantities[line.sku_id] += lines[line.line][0]
    back = {sku: pieces for sku, pieces in quantities.items() if pieces}
    if back:
        stock.restock(reference=row.number, quantities=back, at=now)
