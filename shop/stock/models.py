"""How many pieces there are, who holds some, and every movement."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from shop.catalogue.models import Sku
from shop.stock.states import RESERVATION, ReservationState


class StockItem(models.Model):
    """The pieces of one SKU: on_hand + reserved + sold - returned = received, always."""

    sku = models.OneToOneField(Sku, models.CASCADE, related_name="stock", primary_key=True, verbose_name=_("SKU"))
    received = models.BigIntegerField(_("received"), default=0)
    on_hand = models.BigIntegerField(_("on hand"), default=0)
    reserved = models.BigIntegerField(_("reserved"), default=0)
    sold = models.BigIntegerField(_("sold"), default=0)
    returned = models.BigIntegerField(_("returned"), default=0)

    class Meta:
        verbose_name = _("stock")
        verbose_name_plural = _("stock")
        constraints = [
            models.CheckConstraint(condition=Q(on_hand__gte=0), name="stock_on_hand_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="stock_reserved_not_negative"),
            models.CheckConstraint(
                condition=Q(returned__gte=0, sold__gte=F("returned")),
                name="stock_returned_was_sold",
            ),
            models.CheckConstraint(
                condition=Q(received=F("on_hand") + F("reserved") + F("sold") - F("returned")),
                name="stock_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.on_hand}"


class Reservation(models.Model):
    """Pieces held for an order until it is paid or given up. ``reference`` is the order's number."""

    lifecycle = RESERVATION

    reference = models.CharField(_("reference"), max_length=32)
    sku = models.ForeignKey(Sku, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))
    state = models.CharField(_("state"), max_length=10, choices=ReservationState, default=ReservationState.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "sku"],
                condition=~Q(state="released"),
                name="stock_one_reservation",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="stock_reserve_at_least_one"),
        ]
        indexes = [models.Index(fields=["sku"], condition=Q(state="open"), name="stock_open_of_sku")]

    def __str__(self) -> str:
        return f"{self.reference}: {self.quantity} × {self.sku_id}"


class StockMovement(models.Model):
    """One change of one SKU's pieces. Append-only."""

    class Kind(models.TextChoices):
        RECEIVED = "received", _("received")
        CORRECTED = "corrected", _("corrected")
        RESERVED = "reserved", _("reserved")
        RELEASED = "released", _("released")
        SOLD = "sold", _("sold")
        RETURNED = "returned", _("returned")

    sku = models.ForeignKey(Sku, models.PROTECT, related_name="movements", verbose_name=_("SKU"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    quantity = models.BigIntegerField(_("quantity"))
    reference = models.CharField(_("reference"), max_length=64)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        indexes = [
            models.Index(fields=["sku", "-id"]),
            # For counting what was sold lately.
            models.Index(fields=["at"], condition=Q(kind__in=["sold", "returned"]), name="stock_sold_at"),
        ]
        constraints = [
            # The goods of one return come back once, however often the caller says so.
            models.UniqueConstraint(
                fields=["reference", "sku"], condition=Q(kind="returned"), name="stock_returned_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity} × {self.sku_id}"
