"""What can be asked about orders. Each question starts from its owner; lists are newest first, so pages
follow the id; parts and lines come along in a fixed number of statements.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Store
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import OrderState, SupplierOrderState
from shop.accounts.models import User
from shop.accounts.rules import mask_name
from shop.base.errors import NotFound
from shop.suppliers.models import Supplier

# What is said about a supplier rests on so many paid orders of so many days; goods are to leave within two days.
RECORD_DAYS = timedelta(days=90)
RECORD_MIN, RECORD_MAX = 10, 500


def orders_of(user: User) -> QuerySet[Order]:
    """Return a customer's orders, newest first. Prefetch what the page shows with ``with_parts``."""
    return Order.objects.filter(user=user).order_by("-pk")


def orders_about(orders: QuerySet[Order], words: str) -> QuerySet[Order]:
    """Return those of a person's orders whose number is ``words``, or that have goods named so; all for no words."""
    if not words:
        return orders
    named = OrderLine.objects.filter(order=OuterRef("pk"), title__icontains=words)
    return orders.filter(Q(number__iexact=words) | Q(Exists(named)))


def with_parts(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Bring parts, suppliers and lines along: two more statements, whatever the orders."""
    lines = Prefetch("lines", OrderLine.objects.select_related("product", "sku").order_by("line"))
    parts = SupplierOrder.objects.select_related("supplier").order_by("pk")
    return orders.prefetch_related(Prefetch("supplier_orders", parts.prefetch_related(lines)), lines)


def order_of(user: User, number: str) -> Order:
    """Return one of the customer's orders. Raises ``NotFound`` for any other number."""
    order = orders_of(user).filter(number=number).first()
    if order is None:
        raise _no_order()
    return order


def supplier_orders_of(supplier: Supplier) -> QuerySet[SupplierOrder]:
    """Return a supplier's parts of paid orders, newest first, with order and lines.

    What waits for payment is not the supplier's business yet.
    """
    lines = Prefetch("lines", OrderLine.objects.order_by("line"))
    return (
        SupplierOrder.objects.filter(supplier=supplier, order__paid_at__isnull=False)
        .select_related("order")
        .prefetch_related(lines)
        .order_by("-pk")
    )


@dataclass(frozen=True)
class Record:
    """How a supplier did with its last ``count`` paid orders; shares in whole percent, rounded against it."""

    count: int
    on_time_percent: int
    refunded_percent: int


def record_of_supplier(supplier: Supplier, *, now: datetime) -> Record | None:
    """Return how a supplier did with what was paid within ``RECORD_DAYS``, the last ``RECORD_MAX`` at most.

    On time is sent by when it said it would; what may still become so is not counted. None below
    ``RECORD_MIN`` orders. One statement, by the supplier's own index.
    """
    rows = SupplierOrder.objects.filter(
        supplier=supplier, order__paid_at__gt=now - RECORD_DAYS, dispatch_by_at__lte=now
    )
    facts = list(
        rows.order_by("-pk").values_list("dispatch_by_at", "shipped_at", "refunded_fen")[:RECORD_MAX],
    )
    if len(facts) < RECORD_MIN:
        return None
    on_time = sum(bool(shipped and by and shipped <= by) for by, shipped, _refunded in facts)
    refunded = sum(refunded > 0 for _paid, _shipped, refunded in facts)
    return Record(
        count=len(facts),
        on_time_percent=100 * on_time // len(facts),
        refunded_percent=-(-100 * refunded // len(facts)),
    )


def late_parts(rows: QuerySet[SupplierOrder], *, now: datetime) -> QuerySet[SupplierOrder]:
    """Return those that should have been sent by now and were not."""
    return rows.filter(state=SupplierOrderState.TO_SHIP, dispatch_by_at__lte=now)


def supplier_order_of(supplier: Supplier, number: str) -> SupplierOrder:
    """Return one of the supplier's parts. Raises ``NotFound`` for any other number."""
    part = supplier_orders_of(supplier).filter(number=number).first()
    if part is None:
        raise _no_order()
    return part


def part_of(user: User, number: str) -> SupplierOrder:
    """Return a part of one of the customer's own orders by its number. Raises ``NotFound``."""
    parts = SupplierOrder.objects.filter(order__user=user, number=number)
    part = parts.select_related("order", "supplier").first()
    if part is None:
        raise _no_order()
    return part


def is_picture_of_an_order(product_number: str, file: str) -> bool:
    """Return whether an order line shows this picture of a product, by the name of its file."""
    return bool(file) and OrderLine.objects.filter(product__number=product_number, image=file).exists()


def line_of(user: User, order_number: str, line: int) -> OrderLine:
    """Return a line of one of the customer's own orders. Raises ``NotFound``."""
    lines = OrderLine.objects.filter(order__user=user, order__number=order_number, line=line)
    found = lines.select_related("order", "supplier_order", "product").first()
    if found is None:
        raise _no_order()
    return found


def orders_of_store(store: Store) -> QuerySet[Order]:
    """Return the orders with lines that are this store's sale, newest first.

    Only this store's lines come along, and nothing that says who or where the customer is but what
    ``seen_by_store`` masks. Show rows through that function.
    """
    own = OrderLine.objects.filter(store=store)
    return (
        Order.objects.filter(Exists(own.filter(order=OuterRef("pk"))))
        .defer("recipient_phone", "address_detail", "note", "region_code")
        .prefetch_related(Prefetch("lines", own.order_by("line"), to_attr="store_lines"))
        .order_by("-pk")
    )


@dataclass(frozen=True, slots=True)
class StoreLine:
    """One line a store sold. ``earns_fen`` is its level 1 share as frozen at the order."""

    line: int
    title: str
    option_text: str
    image: str
    quantity: int
    refunded_quantity: int
    paid_fen: int
    refunded_fen: int
    earns_fen: int
    credit_reason: str


@dataclass(frozen=True, slots=True)
class StoreOrder:
    """An order as the store that sold it may see it: the customer is a first character and a city."""

    number: str
    state: str
    state_label: str
    buyer: str
    place: str
    placed_at: datetime
    paid_at: datetime | None
    completed_at: datetime | None
    lines: tuple[StoreLine, ...]

    @property
    def paid_fen(self) -> int:
        return sum(line.paid_fen for line in self.lines)

    @property
    def earns_fen(self) -> int:
        return sum(line.earns_fen for line in self.lines)


def seen_by_store(order: Order) -> StoreOrder:
    """Return a row of ``orders_of_store`` as its store may see it."""
    lines: list[OrderLine] = order.store_lines  # type: ignore[attr-defined]
    return StoreOrder(
        number=order.number,
        state=order.state,
        state_label=str(OrderState(order.state).label),
        buyer=mask_name(order.recipient_name),
        # Province and city; county and street stay with the supplier.
        place=" ".join(order.region_names.split()[:2]),
        placed_at=order.placed_at,
        paid_at=order.paid_at,
        completed_at=order.completed_at,
        lines=tuple(
            StoreLine(
                line=line.line,
                title=line.title,
                option_text=line.option_text,
                image=line.image,
                quantity=line.quantity,
                refunded_quantity=line.refunded_quantity,
                paid_fen=line.paid_fen,
                refunded_fen=line.refunded_fen,
                earns_fen=line.level1_fen,
                credit_reason=line.credit_reason,
            )
            for line in lines
        ),
    )


def _no_order() -> NotFound:
    return NotFound(_("There is no such order."), field="order_number")
