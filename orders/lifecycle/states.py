"""The lives of an order and of its parts per supplier."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class OrderState(models.TextChoices):
    PLACED = "placed", _("waiting for payment")
    PAID = "paid", _("paid")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")
    REFUNDED = "refunded", _("refunded")


ORDER = Table(
    "order",
    {
        OrderState.PLACED: (OrderState.PAID, OrderState.CANCELLED),
        OrderState.PAID: (OrderState.COMPLETED, OrderState.REFUNDED),
        OrderState.COMPLETED: (),
        OrderState.CANCELLED: (),
        OrderState.REFUNDED: (),
    },
)


class SupplierOrderState(models.TextChoices):
    WAITING = "waiting", _("waiting for payment")
    HELD = "held", _("held")
    TO_SHIP = "to_ship", _("to ship")
    SHIPPED = "shipped", _("shipped")
    RECEIVED = "received", _("received")
    COMPLETED = "completed", _("completed")
    CLOSED = "closed", _("closed")


SUPPLIER_ORDER = Table(
    "supplier_order",
    {
        SupplierOrderState.WAITING: (
            SupplierOrderState.TO_SHIP,
            SupplierOrderState.HELD,
            SupplierOrderState.CLOSED,
        ),
        SupplierOrderState.HELD: (SupplierOrderState.TO_SHIP, SupplierOrderState.CLOSED),
        SupplierOrderState.TO_SHIP: (SupplierOrderState.SHIPPED, SupplierOrderState.CLOSED),
        SupplierOrderState.SHIPPED: (SupplierOrderState.RECEIVED, SupplierOrderState.CLOSED),
        SupplierOrderState.RECEIVED: (SupplierOrderState.COMPLETED, SupplierOrderState.CLOSED),
        SupplierOrderState.COMPLETED: (),
        SupplierOrderState.CLOSED: (),
    },
)
