"""Parcels."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from shop.base.numbers import new_number


def new_shipment_number() -> str:
    return new_number("H")


class Shipment(models.Model):
    """One parcel of one supplier order."""

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_shipment_number)
    order = models.ForeignKey(Order, models.PROTECT, related_name="shipments", verbose_name=_("order"))
    supplier_order = models.ForeignKey(
        SupplierOrder, models.PROTECT, related_name="shipments", verbose_name=_("supplier order")
    )
    carrier = models.CharField(_("carrier"), max_length=40)
    tracking_number = models.CharField(_("tracking number"), max_length=40)
    shipped_at = models.DateTimeField(_("shipped at"))

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        constraints = [
            models.UniqueConstraint(fields=["supplier_order", "carrier", "tracking_number"], name="shipment_once")
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_number}"


class ShipmentLine(models.Model):
    """How many pieces of an order line are in a parcel."""

    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(
        OrderLine, models.PROTECT, related_name="shipment_lines", verbose_name=_("order line")
    )
    quantity = models.PositiveIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "order_line"], name="shipment_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="shipment_line_some"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_line_id}"


class TrackingEvent(models.Model):
    """One scan of a parcel on its way."""

    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="events")
    at = models.DateTimeField(_("at"))
    text = models.CharField(_("text"), max_length=200)

    class Meta:
        verbose_name = _("tracking event")
        verbose_name_plural = _("tracking events")
        ordering = ["-at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["shipment", "at", "text"], name="tracking_event_once")]

    def __str__(self) -> str:
        return self.text
