"""What can be asked about parcels."""

from django.db.models import Prefetch, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.shipments.models import Shipment, ShipmentLine
from orders.shipments.rules import still_to_ship
from shop.base.errors import NotFound
from shop.suppliers.models import Supplier


def shipments_of(order: Order) -> QuerySet[Shipment]:
    """Return an order's parcels, the first one first, with contents and scans; three statements."""
    contents = Prefetch("lines", ShipmentLine.objects.select_related("order_line").order_by("pk"))
    parcels = Shipment.objects.filter(order=order).prefetch_related(contents, "events")
    return parcels.order_by("pk")


def shipments_of_supplier(supplier: Supplier) -> QuerySet[Shipment]:
    """Return a supplier's parcels, newest first."""
    parcels = Shipment.objects.filter(supplier_order__supplier=supplier)
    return parcels.select_related("supplier_order__order").order_by("-pk")


def shipment_of_supplier(supplier: Supplier, number: str) -> Shipment:
    """Return one of a supplier's parcels. Raises ``NotFound`` for any other number."""
    shipment = shipments_of_supplier(supplier).filter(number=number).first()
    if shipment is None:
        raise NotFound(_("There is no such parcel."), field="shipment_number")
    return shipment


def left_to_ship(supplier_order: SupplierOrder) -> dict[int, int]:
    """Return the pieces of each line that may still be sent, by line number. One statement."""
    rows = (
        OrderLine.objects.filter(supplier_order=supplier_order)
        .annotate(shipped=Coalesce(Sum("shipment_lines__quantity"), 0))
        .values_list("line", "quantity", "refunded_quantity", "shipped")
        .order_by("line")
    )
    facts = list(rows)
    return still_to_ship(
        ordered={line: quantity for line, quantity, _refunded, _shipped in facts},
        refunded={line: refunded for line, _quantity, refunded, _shipped in facts},
        shipped={line: shipped for line, _quantity, _refunded, shipped in facts},
    )


def line_ids(supplier_order: SupplierOrder) -> dict[int, int]:
    """Return the ids of a part's lines by line number."""
    rows = OrderLine.objects.filter(supplier_order=supplier_order).values_list("line", "pk")
    return dict(rows)
