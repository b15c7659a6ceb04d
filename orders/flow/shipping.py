"""Telling WeChat how a paid order was shipped, as it asks of shops inside it."""

from datetime import datetime

from django.conf import settings

from orders.lifecycle.models import SupplierOrder
from orders.lifecycle.states import SupplierOrderState
from orders.payments.queries import applied_payment
from orders.shipments.models import Shipment
from shop.gateways.registry import wechat_open
from shop.gateways.wechat_open import ShippedParcel

# WeChat's own ceiling of parcels for one payment.
PARCELS_MAX = 15
_UNSHIPPED = (SupplierOrderState.WAITING, SupplierOrderState.HELD, SupplierOrderState.TO_SHIP)
_DESCRIPTION_MAX = 60


def upload_shipping(*, number: str, now: datetime) -> bool:
    """Tell WeChat every parcel of the order that a parcel belongs to; true when it was told.

    Only payments made in the mini-program are asked about: the official account has no such duty, and other openids. Raises ``GatewayUnknown`` to be tried again.
    """
    shipment = Shipment.objects.select_related("order").filter(number=number).first()
    payment = applied_payment(shipment.order) if shipment else None
    if shipment is None or payment is None or payment.kind != "jsapi":
        return False
    if payment.app_id not in ("", settings.LINJIA_WECHAT_APP_ID):
        return False
    sent = Shipment.objects.filter(order=shipment.order).prefetch_related("lines__order_line")
    parcels = [_parcel(one) for one in sent.order_by("pk")[:PARCELS_MAX]]
    waiting = SupplierOrder.objects.filter(order=shipment.order, state__in=_UNSHIPPED)
    wechat_open().upload_shipping(
        transaction_id=payment.transaction_id,
        payer_openid=payment.payer_openid,
        parcels=parcels,
        is_all_delivered=not waiting.exists(),
        at=now,
    )
    return True


def _parcel(shipment: Shipment) -> ShippedParcel:
    titles = [line.order_line.title for line in shipment.lines.all()]
    phone = shipment.order.recipient_phone
    return ShippedParcel(
        tracking_number=shipment.tracking_number,
        carrier_code=shipment.carrier,
        description="; ".join(titles)[:_DESCRIPTION_MAX],
        receiver_phone=f"{phone[:3]}****{phone[-4:]}",
    )
