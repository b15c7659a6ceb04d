"""What can happen to parcels. States and notices are the flow's business."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import SupplierOrder
from orders.lifecycle.states import SupplierOrderState
from orders.shipments.models import Shipment, ShipmentLine, TrackingEvent
from orders.shipments.queries import left_to_ship, line_ids
from orders.shipments.rules import (
    CARRIER_LENGTH_MAX,
    EVENT_LENGTH_MAX,
    PARCELS_MAX,
    TRACKING_NUMBER_LENGTH_MAX,
    check_contents,
    clean_text,
)
from shop.base.errors import Conflict
from shop.base.locks import lock_rows


class NotShippable(Conflict):
    """The supplier order is not in a state in which parcels leave."""

    code = "not_shippable"


class ShippedAlready(Conflict):
    """The tracking number was entered before."""

    code = "shipped_already"


def create_shipment(
    *,
    supplier_order: SupplierOrder,
    carrier: str,
    tracking_number: str,
    quantities: Mapping[int, int] | None = None,
    at: datetime,
) -> Shipment:
    """Note a parcel and what is in it: pieces by line number, None for everything not sent yet.

    A supplier order may leave in up to 15 parcels. Raises ``Invalid`` naming the field,
    :class:`NotShippable`, :class:`ShippedAlready`, ``NothingToShip``, ``Conflict`` beyond 15.
    """
    carrier = clean_text(carrier, field="carrier", longest=CARRIER_LENGTH_MAX)
    tracking_number = clean_text(tracking_number, field="tracking_number", longest=TRACKING_NUMBER_LENGTH_MAX)
    with transaction.atomic():
        # The lock makes parcels of one supplier order leave one after the other.
        part = lock_rows(SupplierOrder.objects.filter(pk=supplier_order.pk))[0]
        if part.state not in (SupplierOrderState.TO_SHIP, SupplierOrderState.SHIPPED):
            raise NotShippable(_("This order cannot be sent: it is not paid, on hold, or over."))
        parcels = Shipment.objects.filter(supplier_order=part)
        if parcels.filter(carrier=carrier, tracking_number=tracking_number).exists():
            raise ShippedAlready(_("You entered this tracking number for this order before."), field="tracking_number")
        if parcels.count() >= PARCELS_MAX:
            raise Conflict(_("An order has at most %(max)d parcels.") % {"max": PARCELS_MAX})
        contents = check_contents(quantities, left=left_to_ship(part))
        shipment = Shipment.objects.create(
            order_id=part.order_id,
            supplier_order=part,
            carrier=carrier,
            tracking_number=tracking_number,
            shipped_at=at,
        )
        ids = line_ids(part)
        ShipmentLine.objects.bulk_create(
            [
                ShipmentLine(shipment=shipment, order_line_id=ids[line], quantity=quantity)
                for line, quantity in sorted(contents.items())
            ]
        )
        return shipment


def add_tracking(*, shipment: Shipment, text: str, at: datetime) -> bool:
    """Note a scan of a parcel; the same scan twice is noted once. True when it is new.

    Raises ``Invalid`` (text).
    """
    clean = clean_text(text, field="text", longest=EVENT_LENGTH_MAX)
    _event, is_new = TrackingEvent.objects.get_or_create(shipment=shipment, at=at, text=clean)
    return is_new
