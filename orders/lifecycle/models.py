"""The record of what was bought. Amounts and names are copies: later changes do not reach them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Store
from orders.lifecycle.states import (
    ORDER,
    SUPPLIER_ORDER,
    OrderState,
    SupplierOrderState,
)
from shop.base.numbers import new_number
from shop.catalogue.models import Product, Sku
from shop.privacy.fields import SealedField
from shop.suppliers.models import Supplier

# The states of an order that nobody has paid.
_NOT_PAID = Q(state__in=["placed", "cancelled"])


def new_order_number() -> str:
    return new_number("O")


def new_supplier_order_number() -> str:
    return new_number("S")


class Order(models.Model):
    """One checkout with one payment; it holds one supplier order per supplier."""

    lifecycle = ORDER

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_order_number)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders", verbose_name=_("person"))
    state = models.CharField(_("state"), max_length=12, choices=OrderState, default=OrderState.PLACED)
    goods_fen = models.BigIntegerField(_("goods (fen)"))
    discount_fen = models.BigIntegerField(_("discount (fen)"), default=0)
    freight_fen = models.BigIntegerField(_("freight (fen)"), default=0)
    payable_fen = models.BigIntegerField(_("payable (fen)"))
    paid_fen = models.BigIntegerField(_("paid (fen)"), default=0)
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), default=0)
    recipient_name = SealedField(_("recipient"), max_length=40)
    recipient_phone = SealedField(_("phone"), max_length=20)
    region_code = models.CharField(_("region"), max_length=16)
    region_names = models.CharField(_("region names"), max_length=120)
    address_detail = SealedField(_("street and house"), max_length=120)
    note = models.CharField(_("note"), max_length=200, blank=True)
    placed_at = models.DateTimeField(_("placed at"))
    expires_at = models.DateTimeField(_("expires at"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    cancel_reason = models.CharField(_("why it was cancelled"), max_length=120, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        indexes = [
            models.Index(fields=["user", "-id"]),
            models.Index(fields=["user", "state", "-id"]),
            models.Index(fields=["state", "-id"], name="order_in_state"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(payable_fen=F("goods_fen") - F("discount_fen") + F("freight_fen"))
                & Q(payable_fen__gt=0, discount_fen__gte=0, freight_fen__gte=0),
                name="order_payable_adds_up",
            ),
            models.CheckConstraint(condition=Q(paid_fen__in=[0, F("payable_fen")]), name="order_paid_all_or_nothing"),
            models.CheckConstraint(
                condition=(_NOT_PAID & Q(paid_fen=0)) | (~_NOT_PAID & Q(paid_fen=F("payable_fen"))),
                name="order_paid_as_its_state_says",
            ),
            models.CheckConstraint(
                condition=Q(refunded_fen__gte=0, refunded_fen__lte=F("paid_fen")),
                name="order_refunds_within_paid",
            ),
            models.CheckConstraint(
                condition=~Q(state="refunded") | Q(refunded_fen=F("paid_fen")), name="order_refunded_is_all_of_it"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class SupplierOrder(models.Model):
    """One supplier's part of an order: what it ships and is owed for."""

    lifecycle = SUPPLIER_ORDER

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_supplier_order_number)
    order = models.ForeignKey(Order, models.PROTECT, related_name="supplier_orders", verbose_name=_("order"))
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="supplier_orders", verbose_name=_("supplier"))
    state = models.CharField(_("state"), max_length=12, choices=SupplierOrderState, default=SupplierOrderState.WAITING)
    goods_fen = models.BigIntegerField(_("goods (fen)"))
    discount_fen = models.BigIntegerField(_("discount (fen)"), default=0)
    freight_fen = models.BigIntegerField(_("freight (fen)"), default=0)
    payable_fen = models.BigIntegerField(_("payable (fen)"))
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), default=0)
    freight_refunded_fen = models.BigIntegerField(_("freight refunded (fen)"), default=0)
    placed_at = models.DateTimeField(_("placed at"))
    # By when the supplier said it would send: the database writes it with the step that makes it its turn.
    dispatch_by_at = models.DateTimeField(_("to be sent by"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped at"), null=True, blank=True)
    # When a silent customer is taken to have received it.
    auto_receive_at = models.DateTimeField(_("auto receipt at"), null=True, blank=True)
    received_at = models.DateTimeField(_("received at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("supplier order")
        verbose_name_plural = _("supplier orders")
        indexes = [
            models.Index(fields=["supplier", "-id"], name="supplier_order_newest"),
            models.Index(fields=["supplier", "state", "-id"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "supplier"], name="order_one_part_per_supplier"),
            models.CheckConstraint(
                condition=Q(payable_fen=F("goods_fen") - F("discount_fen") + F("freight_fen")),
                name="supplier_order_payable_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(refunded_fen__gte=0, refunded_fen__lte=F("payable_fen"))
                & Q(freight_refunded_fen__gte=0, freight_refunded_fen__lte=F("freight_fen")),
                name="supplier_order_refunds_within",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(models.Model):
    """One SKU of one order, with everything that was promised when it was placed."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines")
    supplier_order = models.ForeignKey(SupplierOrder, models.PROTECT, related_name="lines")
    # 1, 2, 3 … within the order.
    line = models.PositiveSmallIntegerField(_("line"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    sku = models.ForeignKey(Sku, models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=120)
    option_text = models.CharField(_("options"), max_length=120, blank=True)
    # The storage name of the product's picture as it was.
    image = models.CharField(max_length=200, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    unit_fen = models.BigIntegerField(_("unit price (fen)"))
    supply_unit_fen = models.BigIntegerField(_("unit supply price (fen)"))
    discount_fen = models.BigIntegerField(_("discount (fen)"), default=0)
    # unit price × quantity − discount: what the customer pays, and the commission base.
    paid_fen = models.BigIntegerField(_("paid (fen)"))
    # What the supplier earns for the whole line.
    supplier_fen = models.BigIntegerField(_("supplier's part (fen)"))
    # What the platform adds for its coupons to what the customer pays; no part of the commission base.
    subsidy_fen = models.BigIntegerField(_("paid by the platform's coupons (fen)"), default=0)
    # What may go to distributors and platform: paid + the platform's coupons − supplier's part.
    pool_fen = models.BigIntegerField(_("pool (fen)"))
    refunded_quantity = models.PositiveIntegerField(_("refunded quantity"), default=0)
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), default=0)
    # The attribution snapshot.
    store = models.ForeignKey(Store, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("store"))
    referrer_store = models.ForeignKey(Store, models.PROTECT, null=True, blank=True, related_name="+")
    level1_bp = models.PositiveIntegerField(_("level 1 (bp)"), default=0)
    level2_bp = models.PositiveIntegerField(_("level 2 (bp)"), default=0)
    level1_fen = models.BigIntegerField(_("level 1 (fen)"), default=0)
    level2_fen = models.BigIntegerField(_("level 2 (fen)"), default=0)
    rule_number = models.CharField(_("rule"), max_length=20, blank=True)
    credit_reason = models.CharField(_("attribution"), max_length=32, blank=True)
    # Which touches and bonds were considered, and why each won or lost.
    credit_evidence = models.JSONField(default=dict, blank=True)
    return_days = models.PositiveSmallIntegerField(_("return window (days)"))
    received_at = models.DateTimeField(_("received at"), null=True, blank=True)
    window_ends_at = models.DateTimeField(_("return window ends"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["order", "line"]
        constraints = [
            models.UniqueConstraint(fields=["order", "line"], name="order_line_number_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_line_at_least_one"),
            models.CheckConstraint(
                condition=Q(paid_fen=F("unit_fen") * F("quantity") - F("discount_fen"))
                & Q(paid_fen__gte=0, discount_fen__gte=0),
                name="order_line_paid_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(pool_fen=F("paid_fen") + F("subsidy_fen") - F("supplier_fen"))
                & Q(level1_fen__gte=0, level2_fen__gte=0, supplier_fen__gte=0)
                & Q(subsidy_fen__gte=0, subsidy_fen__lte=F("discount_fen"))
                & Q(pool_fen__gte=F("level1_fen") + F("level2_fen")),
                name="order_line_within_pool",
            ),
            models.CheckConstraint(
                condition=Q(refunded_quantity__lte=F("quantity"))
                & Q(refunded_fen__gte=0, refunded_fen__lte=F("paid_fen")),
                name="order_line_refunds_within",
            ),
            models.CheckConstraint(
                condition=Q(referrer_store=None) | ~Q(store=F("referrer_store")),
                name="order_line_two_stores",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.line}"
