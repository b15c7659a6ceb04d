"""Orders and after-sales in a customer's words: plain facts for templates."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.aftersales.models import AfterSale
from orders.aftersales.states import OPEN_STATES, AfterSaleState
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import OrderState, SupplierOrderState
from orders.payments.models import Refund
from orders.payments.states import RefundState
from orders.shipments.models import Shipment
from shop.accounts.rules import mask_phone
from shop.web.shelf import stored_picture

# label, tone of its badge
Words = tuple[str | Promise, str]

PART_WORDS: dict[str, Words] = {
    SupplierOrderState.WAITING: (gettext_lazy("Waiting for payment"), "wait"),
    SupplierOrderState.HELD: (gettext_lazy("On hold"), "wait"),
    SupplierOrderState.TO_SHIP: (gettext_lazy("Being packed"), "go"),
    SupplierOrderState.SHIPPED: (gettext_lazy("On the way"), "go"),
    SupplierOrderState.RECEIVED: (gettext_lazy("Arrived"), "good"),
    SupplierOrderState.COMPLETED: (gettext_lazy("Done"), "good"),
    SupplierOrderState.CLOSED: (gettext_lazy("Closed"), "quiet"),
}

ORDER_WORDS: dict[str, tuple[str | Promise, str, str | Promise]] = {
    OrderState.PLACED: (
        gettext_lazy("Waiting for payment"),
        "wait",
        gettext_lazy("The goods are kept for you until the time is over."),
    ),
    OrderState.COMPLETED: (gettext_lazy("Done"), "good", gettext_lazy("Thank you for buying with us.")),
    OrderState.CANCELLED: (
        gettext_lazy("Cancelled"),
        "quiet",
        gettext_lazy("Nothing will be sent. What you paid goes back to you."),
    ),
    OrderState.REFUNDED: (
        gettext_lazy("Refunded"),
        "quiet",
        gettext_lazy("The money went back the way you paid."),
    ),
}

CASE_WORDS: dict[str, tuple[str | Promise, str, str | Promise]] = {
    AfterSaleState.OPENED: (
        gettext_lazy("The supplier is looking at it"),
        "wait",
        gettext_lazy("No answer in time counts as yes."),
    ),
    AfterSaleState.AGREED: (
        gettext_lazy("Agreed"),
        "go",
        gettext_lazy("Send the goods back in time; a pure refund starts by itself."),
    ),
    AfterSaleState.RETURNING: (
        gettext_lazy("On its way back"),
        "go",
        gettext_lazy("The refund starts when the supplier has the goods."),
    ),
    AfterSaleState.RECEIVED: (
        gettext_lazy("The supplier has it"),
        "go",
        gettext_lazy("The refund is on its way."),
    ),
    AfterSaleState.REFUNDED: (
        gettext_lazy("Refunded"),
        "good",
        gettext_lazy("The money went back the way you paid."),
    ),
    AfterSaleState.REJECTED: (
        gettext_lazy("The supplier said no"),
        "bad",
        gettext_lazy("You can ask the platform to decide."),
    ),
    AfterSaleState.ESCALATED: (
        gettext_lazy("The platform decides"),
        "wait",
        gettext_lazy("We look at what both sides said."),
    ),
    AfterSaleState.WITHDRAWN: (
        gettext_lazy("Taken back"),
        "quiet",
        gettext_lazy("You can ask again while the return window is open."),
    ),
}

REFUND_WORDS: dict[str, str | Promise] = {
    RefundState.REQUESTED: gettext_lazy("Refund being prepared"),
    RefundState.SENT: gettext_lazy("Refund on its way"),
    RefundState.SUCCEEDED: gettext_lazy("Refunded"),
    RefundState.FAILED: gettext_lazy("Refund needs a person: we are on it"),
}


@dataclass(frozen=True)
class Step:
    """One thing that happened; ``now`` marks the last one."""

    text: str
    at: datetime | None
    note: str = ""
    now: bool = False


@dataclass(frozen=True)
class LineFacts:
    """One order line. Prices in fen."""

    line: int
    title: str
    option_text: str
    picture: str
    url: str
    quantity: int
    unit_fen: int
    refunded_fen: int
    case_url: str = ""
    case_label: str = ""
    can_ask: bool = False
    review_url: str = ""


@dataclass(frozen=True)
class ParcelFacts:
    """One parcel and its way."""

    carrier: str
    tracking_number: str
    contents: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class PartFacts:
    """One supplier's part of an order."""

    number: str
    supplier_name: str
    label: str
    tone: str
    lines: tuple[LineFacts, ...]
    parcels: tuple[ParcelFacts, ...]
    can_receive: bool
    is_on_the_way: bool
    auto_receive_at: datetime | None
    dispatch_by_at: datetime | None
    is_late: bool


@dataclass(frozen=True)
class RefundFacts:
    """Money on its way back, in fen."""

    label: str
    amount_fen: int


@dataclass(frozen=True)
class OrderPage:
    """Everything the page of one order shows."""

    label: str
    tone: str
    note: str
    phone: str
    can_pay: bool
    can_cancel: bool
    parts: tuple[PartFacts, ...]
    refunds: tuple[RefundFacts, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class OrderCard:
    """An order in a list."""

    number: str
    placed_at: datetime
    label: str
    tone: str
    payable_fen: int
    pieces: int
    lines: tuple[LineFacts, ...]
    can_pay: bool
    can_receive: bool


def status_of(order: Order, parts: Iterable[SupplierOrder]) -> tuple[str, str, str]:
    """Return label, tone and a sentence for an order as its buyer sees it."""
    if order.state != OrderState.PAID:
        label, tone, note = ORDER_WORDS[order.state]
        return str(label), tone, str(note)
    states = {part.state for part in parts}
    if SupplierOrderState.SHIPPED in states:
        waiting = states & {SupplierOrderState.TO_SHIP, SupplierOrderState.HELD}
        note = _("Some parcels still leave.") if waiting else _("Tell us when it has arrived.")
        return _("On the way"), "go", note
    if states & {SupplierOrderState.TO_SHIP, SupplierOrderState.HELD}:
        return _("Being packed"), "go", _("The suppliers are packing your parcels.")
    if states == {SupplierOrderState.CLOSED}:
        return _("Refund on its way"), "wait", _("Nothing more will be sent. What you paid goes back to you.")
    return _("Arrived"), "good", _("The return window is open. Enjoy!")


def line_facts(
    line: OrderLine, case: AfterSale | None = None, *, can_ask: bool = False, review_url: str = ""
) -> LineFacts:
    """Return one line; ``case`` is its latest after-sale, ``can_ask`` whether a new one may be opened.

    ``review_url`` is where one may write what it was like.
    """
    return LineFacts(
        line=line.line,
        title=line.title,
        option_text=line.option_text,
        picture=stored_picture(line.image),
        url=reverse("product", args=[line.product.number]),
        quantity=line.quantity,
        unit_fen=line.unit_fen,
        refunded_fen=line.refunded_fen,
        case_url=reverse("after-sale", args=[case.number]) if case else "",
        case_label=str(CASE_WORDS[case.state][0]) if case else "",
        can_ask=can_ask,
        review_url=review_url,
    )


def order_card(order: Order) -> OrderCard:
    """Return an order in a list; lines and parts must be prefetched."""
    parts = list(order.supplier_orders.all())
    label, tone, _note = status_of(order, parts)
    lines = list(order.lines.all())
    return OrderCard(
        number=order.number,
        placed_at=order.placed_at,
        label=label,
        tone=tone,
        payable_fen=order.payable_fen,
        pieces=sum(line.quantity for line in lines),
        lines=tuple(line_facts(line) for line in lines),
        can_pay=order.state == OrderState.PLACED,
        can_receive=any(part.state == SupplierOrderState.SHIPPED for part in parts),
    )


def order_page(
    order: Order,
    *,
    parts: Sequence[SupplierOrder],
    shipments: Sequence[Shipment],
    cases: Sequence[AfterSale],
    refunds: Sequence[Refund],
    unreviewed: Collection[int],
    now: datetime,
) -> OrderPage:
    """Return the page of one order. ``cases`` come newest first; lines of the parts are prefetched.

    ``unreviewed`` are the ids of received lines nothing was written about.
    """
    label, tone, note = status_of(order, parts)
    untouched = all(part.state in (SupplierOrderState.WAITING, SupplierOrderState.TO_SHIP) for part in parts)
    return OrderPage(
        label=label,
        tone=tone,
        note=order.cancel_reason or note if order.state == OrderState.CANCELLED else note,
        phone=mask_phone(order.recipient_phone),
        can_pay=order.state == OrderState.PLACED and order.expires_at > now,
        can_cancel=order.state in (OrderState.PLACED, OrderState.PAID) and untouched,
        parts=tuple(_part(part, order.number, shipments, cases, unreviewed, now) for part in parts),
        refunds=tuple(RefundFacts(str(REFUND_WORDS[row.state]), row.amount_fen) for row in refunds),
        steps=_steps(order, parts, refunds),
    )


def _part(
    part: SupplierOrder,
    number: str,
    shipments: Sequence[Shipment],
    cases: Sequence[AfterSale],
    unreviewed: Collection[int],
    now: datetime,
) -> PartFacts:
    label, tone = PART_WORDS[part.state]
    lines = []
    for line in part.lines.all():
        own = [case for case in cases if case.order_line_id == line.pk]
        is_open = any(case.state in OPEN_STATES for case in own)
        can_ask = not is_open and may_ask(part, line, now)
        review_url = reverse("review-new", args=[number, line.line]) if line.pk in unreviewed else ""
        lines.append(line_facts(line, own[0] if own else None, can_ask=can_ask, review_url=review_url))
    own_parcels = [shipment for shipment in shipments if shipment.supplier_order_id == part.pk]
    return PartFacts(
        number=part.number,
        supplier_name=part.supplier.name,
        label=str(label),
        tone=tone,
        lines=tuple(lines),
        parcels=tuple(_parcel(shipment) for shipment in own_parcels),
        can_receive=part.state == SupplierOrderState.SHIPPED,
        is_on_the_way=part.state == SupplierOrderState.SHIPPED,
        auto_receive_at=part.auto_receive_at,
        dispatch_by_at=part.dispatch_by_at if part.state == SupplierOrderState.TO_SHIP else None,
        is_late=part.dispatch_by_at is not None and part.dispatch_by_at < now,
    )


def may_ask(part: SupplierOrder, line: OrderLine, now: datetime) -> bool:
    """Whether a page offers refund or return for a line; the action decides again."""
    if line.refunded_quantity >= line.quantity or line.completed_at is not None:
        return False
    if part.state in (SupplierOrderState.TO_SHIP, SupplierOrderState.SHIPPED):
        return True
    open_window = line.window_ends_at is None or line.window_ends_at > now
    return part.state == SupplierOrderState.RECEIVED and open_window


def kinds_for(part_state: str) -> list[tuple[str, str | Promise]]:
    """Return what may be asked for at a part's state, as choices; the action decides again."""
    kinds = AfterSale.Kind
    offered = {
        SupplierOrderState.TO_SHIP: (kinds.CANCEL_BEFORE_SHIP,),
        SupplierOrderState.SHIPPED: (kinds.REFUND_ONLY, kinds.RETURN_REFUND),
        SupplierOrderState.RECEIVED: (kinds.RETURN_REFUND, kinds.REFUND_ONLY),
    }
    return [(kind.value, kind.label) for kind in offered.get(SupplierOrderState(part_state), ())]


def _parcel(shipment: Shipment) -> ParcelFacts:
    steps = [Step(event.text, event.at) for event in shipment.events.all()]
    steps.append(Step(_("Handed to %(carrier)s") % {"carrier": shipment.carrier}, shipment.shipped_at))
    steps[0] = Step(steps[0].text, steps[0].at, now=True)
    contents = [f"{line.order_line.title} × {line.quantity}" for line in shipment.lines.all()]
    return ParcelFacts(shipment.carrier, shipment.tracking_number, "; ".join(contents), tuple(steps))


def _steps(order: Order, parts: Sequence[SupplierOrder], refunds: Sequence[Refund]) -> tuple[Step, ...]:
    """Return what happened, newest first."""
    happened: list[tuple[datetime | None, str, str]] = [
        (order.placed_at, _("Order placed"), ""),
        (order.paid_at, _("Paid"), ""),
        (order.cancelled_at, _("Cancelled"), order.cancel_reason),
        (order.completed_at, _("Done"), ""),
    ]
    for part in parts:
        name = part.supplier.name
        happened += [
            (part.shipped_at, _("Sent"), name),
            (part.received_at, _("Received"), name),
        ]
    happened += [(row.succeeded_at, _("Refunded"), "") for row in refunds]
    stamped = sorted(((at, text, note) for at, text, note in happened if at), reverse=True)
    return tuple(Step(text, at, note, now=index == 0) for index, (at, text, note) in enumerate(stamped))
