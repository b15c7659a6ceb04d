"""Money in, money back, and every notice a gateway sent."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.payments.rules import REFUNDS_MAX
from orders.payments.states import PAYMENT, REFUND, DifferenceCause, PaymentState, RefundState
from shop.base.numbers import new_number, number_from


def new_payment_number() -> str:
    return new_number("P")


def new_refund_number() -> str:
    return new_number("R")


def refund_number_of(transaction_id: str, payment_number: str) -> str:
    """Return the one number under which a whole payment that cannot be used goes back.

    Worked out, not made up: restored to before it, the database comes to the same number again.
    """
    return number_from("R", f"{payment_number}:{transaction_id}")


class Payment(models.Model):
    """One attempt to pay an order. ``number`` is the merchant's order number at the gateway."""

    lifecycle = PAYMENT

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_payment_number)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payments", verbose_name=_("order"))
    gateway = models.CharField(_("gateway"), max_length=16)
    kind = models.CharField(_("kind"), max_length=8)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    state = models.CharField(_("state"), max_length=10, choices=PaymentState, default=PaymentState.STARTED)
    # True once its money paid the order; a second or late payment never is, and is sent back.
    is_applied = models.BooleanField(_("booked to the order"), default=False)
    prepay_id = models.CharField(max_length=128, blank=True)
    code_url = models.CharField(max_length=200, blank=True)
    client_params = models.JSONField(default=dict, blank=True)
    # Set when the gateway took money twice under one number: that number; this row is the second time.
    gateway_number = models.CharField(_("number at the gateway"), max_length=32, blank=True)
    transaction_id = models.CharField(_("gateway's transaction"), max_length=64, blank=True)
    # The app the payer is known by inside WeChat (mini-program or official account); empty for the other kinds.
    app_id = models.CharField(max_length=32, blank=True)
    payer_openid = models.CharField(max_length=64, blank=True)
    # Kept under the order's lock: what all refunds of this payment ask for, and how many there are.
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), default=0)
    refund_count = models.PositiveSmallIntegerField(_("refunds"), default=0)
    fail_reason = models.CharField(_("why it failed"), max_length=200, blank=True)
    started_at = models.DateTimeField(_("started at"))
    succeeded_at = models.DateTimeField(_("succeeded at"), null=True, blank=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        indexes = [
            models.Index(fields=["order", "-id"]),
            models.Index(fields=["gateway_number"], condition=~Q(gateway_number=""), name="payment_second_times"),
            # A day is found by its pages; rows lie in the order of their time.
            BrinIndex(fields=["succeeded_at"], autosummarize=True, name="payment_by_day"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(refunded_fen__gte=0, refunded_fen__lte=F("amount_fen")),
                name="payment_refunds_within",
            ),
            # The channel's own ceiling of partial refunds.
            models.CheckConstraint(condition=Q(refund_count__lte=REFUNDS_MAX), name="payment_refunds_counted"),
            models.CheckConstraint(
                condition=Q(is_applied=False) | Q(state="succeeded"), name="payment_applied_is_paid"
            ),
            models.UniqueConstraint(fields=["order"], condition=Q(is_applied=True), name="payment_applied_once"),
            models.UniqueConstraint(
                fields=["order", "gateway", "kind", "app_id", "payer_openid"],
                condition=Q(state="started"),
                name="payment_one_open",
            ),
            models.UniqueConstraint(
                fields=["gateway", "transaction_id"],
                condition=~Q(transaction_id=""),
                name="payment_transaction_once",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Refund(models.Model):
    """Money on its way back. ``number`` is the refund number at the gateway, for ever."""

    class Cause(models.TextChoices):
        AFTERSALE = "aftersale", _("after-sale")
        CANCELLED = "cancelled", _("cancelled before shipping")
        LATE_PAYMENT = "late_payment", _("paid too late")
        SECOND_PAYMENT = "second_payment", _("paid twice")
        STAFF = "staff", _("by staff")

    lifecycle = REFUND

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_refund_number)
    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds", verbose_name=_("order"))
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    supplier_order = models.ForeignKey(
        SupplierOrder, models.PROTECT, null=True, blank=True, related_name="refunds", verbose_name=_("supplier order")
    )
    cause = models.CharField(_("cause"), max_length=16, choices=Cause)
    reason = models.CharField(_("reason"), max_length=120, blank=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    freight_fen = models.BigIntegerField(_("of which freight (fen)"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=RefundState, default=RefundState.REQUESTED)
    gateway_refund_id = models.CharField(_("gateway's refund"), max_length=64, blank=True)
    requested_at = models.DateTimeField(_("requested at"))
    # When it may be sent: the channel wants refunds of one payment apart.
    send_at = models.DateTimeField(_("send at"))
    succeeded_at = models.DateTimeField(_("succeeded at"), null=True, blank=True)
    fail_reason = models.CharField(_("why it failed"), max_length=200, blank=True)
    # The void refund whose whole place this one took, alone or with others.
    replaces = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="replaced_by",
        verbose_name=_("in the place of"),
    )

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        indexes = [
            models.Index(fields=["order", "-id"]),
            models.Index(fields=["requested_at"], condition=~Q(state="succeeded"), name="refund_pending"),
            BrinIndex(fields=["succeeded_at"], autosummarize=True, name="refund_by_day"),
            models.Index(fields=["replaces"], condition=Q(replaces__isnull=False), name="refund_replacing"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_fen__gt=0, freight_fen__gte=0, freight_fen__lte=F("amount_fen")),
                name="refund_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class RefundLine(models.Model):
    """How much of a refund belongs to one order line. Quantity 0 is a price difference."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(OrderLine, models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField(_("quantity"), default=0)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    is_restocked = models.BooleanField(_("restocked"), default=False)

    class Meta:
        verbose_name = _("refund line")
        verbose_name_plural = _("refund lines")
        constraints = [
            models.UniqueConstraint(fields=["refund", "order_line"], name="refund_line_once"),
            models.CheckConstraint(
                condition=Q(amount_fen__gte=0) & (Q(amount_fen__gt=0) | Q(quantity__gt=0)),
                name="refund_line_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id}: {self.amount_fen}"


class GatewayNotice(models.Model):
    """A verified notice, as it came. Unique per gateway event, so it is applied once."""

    gateway = models.CharField(_("gateway"), max_length=16)
    event_id = models.CharField(_("event"), max_length=80)
    kind = models.CharField(_("kind"), max_length=10)
    # The number of the payment, refund or withdrawal it speaks of.
    number = models.CharField(_("number"), max_length=32)
    state = models.CharField(_("state"), max_length=24)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    raw = models.JSONField(_("content"))
    received_at = models.DateTimeField(_("arrived at"))
    outcome = models.CharField(_("outcome"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("gateway notice")
        verbose_name_plural = _("gateway notices")
        indexes = [models.Index(fields=["number"])]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "event_id"], name="notice_once"),
            # Of all events about one payment or refund, one moves money.
            models.UniqueConstraint(
                fields=["gateway", "kind", "number"],
                condition=Q(outcome__in=["applied", "succeeded"]) & ~Q(kind="transfer"),
                name="notice_applied_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {self.state}"


class Reconciliation(models.Model):
    """One comparison of our book with a gateway's own, over all that moved from ``since`` to ``until``."""

    gateway = models.CharField(_("gateway"), max_length=16)
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"))
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    # How many movements each book has in that time.
    theirs_count = models.PositiveIntegerField(_("movements there"), default=0)
    ours_count = models.PositiveIntegerField(_("movements here"), default=0)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        indexes = [models.Index(fields=["gateway", "-id"])]

    def __str__(self) -> str:
        return f"{self.gateway} {timezone.localtime(self.started_at):%Y-%m-%d %H:%M}"


class BookDifference(models.Model):
    """One thing that two books tell differently. Amounts in fen, empty where a book has none."""

    reconciliation = models.ForeignKey(
        Reconciliation, models.CASCADE, related_name="differences", verbose_name=_("reconciliation")
    )
    kind = models.CharField(_("kind"), max_length=10)
    number = models.CharField(_("number"), max_length=64)
    cause = models.CharField(_("cause"), max_length=16, choices=DifferenceCause)
    ours_fen = models.BigIntegerField(_("here (fen)"), null=True, blank=True)
    theirs_fen = models.BigIntegerField(_("there (fen)"), null=True, blank=True)
    # What each book says of its state, and what the movement belongs to.
    detail = models.CharField(_("details"), max_length=200, blank=True)
    reference = models.CharField(_("belongs to"), max_length=128, blank=True)
    is_mended = models.BooleanField(_("mended"), default=False)
    mend_error = models.CharField(_("why it could not be mended"), max_length=200, blank=True)
    # A person looked into it and says why it may stay; a later comparison that finds the same takes it over.
    explained_by = models.CharField(_("explained by"), max_length=64, blank=True)
    explanation = models.CharField(_("explanation"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("difference of the books")
        verbose_name_plural = _("differences of the books")
        indexes = [models.Index(fields=["kind", "number"])]
        constraints = [
            models.UniqueConstraint(fields=["reconciliation", "kind", "number"], name="difference_once"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.kind} {self.number}"

    @property
    def is_open(self) -> bool:
        """Neither mended nor explained."""
        return not self.is_mended and not self.explained_by
