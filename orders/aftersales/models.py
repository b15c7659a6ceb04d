"""Refund, return, exchange: the case and the conversation about it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from orders.aftersales.states import AFTER_SALE, AfterSaleState
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from shop.base.numbers import new_number
from shop.media.models import Picture


def new_aftersale_number() -> str:
    return new_number("X")


class AfterSale(models.Model):
    """A customer's case about one order line."""

    class Kind(models.TextChoices):
        CANCEL_BEFORE_SHIP = "cancel_before_ship", _("cancel before shipping")
        REFUND_ONLY = "refund_only", _("refund only")
        RETURN_REFUND = "return_refund", _("return and refund")

    class Reason(models.TextChoices):
        NO_REASON = "no_reason", _("changed my mind (7 days)")
        NOT_AS_DESCRIBED = "not_as_described", _("not as described")
        DAMAGED = "damaged", _("damaged on the way")
        WRONG_OR_MISSING = "wrong_or_missing", _("wrong or missing goods")
        QUALITY = "quality", _("quality problem")
        OTHER = "other", _("other")

    lifecycle = AFTER_SALE

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_aftersale_number)
    order = models.ForeignKey(Order, models.PROTECT, related_name="aftersales", verbose_name=_("order"))
    supplier_order = models.ForeignKey(
        SupplierOrder, models.PROTECT, related_name="aftersales", verbose_name=_("supplier order")
    )
    order_line = models.ForeignKey(OrderLine, models.PROTECT, related_name="aftersales", verbose_name=_("order line"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    quantity = models.PositiveIntegerField(_("quantity"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    freight_fen = models.BigIntegerField(_("of which freight (fen)"), default=0)
    # How the amount came about, as it was when the case was opened: the facts of ``rules.Proposal``.
    basis = models.JSONField(_("how the amount came about"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=AfterSaleState, default=AfterSaleState.OPENED)
    opened_at = models.DateTimeField(_("opened at"))
    # When silence of the side whose turn it is decides.
    deadline_at = models.DateTimeField(_("deadline"), null=True, blank=True)
    return_carrier = models.CharField(_("return carrier"), max_length=40, blank=True)
    return_tracking_number = models.CharField(_("return tracking number"), max_length=40, blank=True)
    refund_number = models.CharField(_("refund"), max_length=32, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("after-sale")
        verbose_name_plural = _("after-sales")
        indexes = [
            models.Index(fields=["order", "-id"]),
            models.Index(fields=["supplier_order", "-id"]),
            # Every page of the staff counts them.
            models.Index(fields=["-id"], condition=Q(state="escalated"), name="aftersale_escalated"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gte=0, amount_fen__gt=0, freight_fen__gte=0),
                name="aftersale_amounts",
            ),
            models.UniqueConstraint(
                fields=["order_line"],
                condition=Q(state__in=["opened", "agreed", "returning", "received", "escalated"]),
                name="aftersale_one_open_per_line",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Evidence(models.Model):
    """One contribution to a case: words, photos, or both. Append-only: the database refuses edits."""

    class Author(models.TextChoices):
        CUSTOMER = "customer", _("customer")
        SUPPLIER = "supplier", _("supplier")
        PLATFORM = "platform", _("platform")

    aftersale = models.ForeignKey(AfterSale, models.CASCADE, related_name="evidence")
    author = models.CharField(_("author"), max_length=10, choices=Author)
    text = models.CharField(_("text"), max_length=500, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:20]}"

    @property
    def removal_note(self) -> str:
        """Say why nothing is here where words or photos were; "" where something is. Reads ``photos``."""
        if self.text or self.photos.all():
            return ""
        if self.author == self.Author.CUSTOMER:
            return gettext("Removed at the writer's wish: the account was deleted.")
        return gettext("Removed with the data of the customer, who deleted the account.")


class EvidencePhoto(models.Model):
    """A photo of a contribution. Its picture is private: only the people of the case are shown it. Append-only."""

    evidence = models.ForeignKey(Evidence, models.CASCADE, related_name="photos")
    picture = models.OneToOneField(Picture, models.PROTECT, related_name="evidence_photo", verbose_name=_("picture"))
    position = models.PositiveSmallIntegerField(_("position"))

    class Meta:
        verbose_name = _("photo of a case")
        verbose_name_plural = _("photos of cases")
        ordering = ["evidence", "position"]
        constraints = [
            models.UniqueConstraint(fields=["evidence", "position"], name="evidence_photo_place_once"),
            models.CheckConstraint(condition=Q(position__lt=6), name="evidence_six_photos"),
        ]

    def __str__(self) -> str:
        return f"{self.evidence_id}/{self.position}"
