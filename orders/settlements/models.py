"""What suppliers are owed, and the statements they confirm."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.settlements.states import (
    EARNING,
    STATEMENT,
    SUPPLIER_PAYOUT,
    EarningState,
    StatementState,
    SupplierPayoutState,
)
from shop.base.numbers import new_number
from shop.suppliers.models import Supplier


def new_statement_number() -> str:
    return new_number("T")


def new_payout_number() -> str:
    return new_number("Y")


class Statement(models.Model):
    """A supplier's account for a period. Its sums are sums of journal rows."""

    lifecycle = STATEMENT

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_statement_number)
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="statements", verbose_name=_("supplier"))
    from_date = models.DateField(_("from"))
    until_date = models.DateField(_("until"))
    state = models.CharField(_("state"), max_length=10, choices=StatementState, default=StatementState.OPEN)
    # Carried over from the statement before: negative when the supplier still owes.
    opening_fen = models.BigIntegerField(_("opening (fen)"), default=0)
    settled_fen = models.BigIntegerField(_("settled (fen)"), default=0)
    deducted_fen = models.BigIntegerField(_("deducted (fen)"), default=0)
    paid_fen = models.BigIntegerField(_("paid out (fen)"), default=0)
    closing_fen = models.BigIntegerField(_("closing (fen)"), default=0)
    # The last transfer of either account that this statement takes in; the next one starts after it.
    available_upto = models.BigIntegerField(default=0)
    debt_upto = models.BigIntegerField(default=0)
    note = models.CharField(_("note"), max_length=200, blank=True)
    closed_at = models.DateTimeField(_("issued at"), null=True, blank=True)

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        indexes = [models.Index(fields=["supplier", "-id"])]
        constraints = [
            models.UniqueConstraint(fields=["supplier", "from_date"], name="statement_once"),
            models.CheckConstraint(condition=Q(until_date__gt=F("from_date")), name="statement_period_forward"),
            models.CheckConstraint(
                condition=Q(closing_fen=F("opening_fen") + F("settled_fen") - F("deducted_fen") - F("paid_fen")),
                name="statement_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Earning(models.Model):
    """What a supplier is owed for one order line, or for the freight of its part (no line)."""

    lifecycle = EARNING

    order = models.ForeignKey(Order, models.PROTECT, related_name="earnings", verbose_name=_("order"))
    supplier_order = models.ForeignKey(
        SupplierOrder, models.PROTECT, related_name="earnings", verbose_name=_("supplier order")
    )
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="earnings", verbose_name=_("supplier"))
    order_line = models.ForeignKey(
        OrderLine, models.PROTECT, null=True, blank=True, related_name="earnings", verbose_name=_("order line")
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    deducted_fen = models.BigIntegerField(_("deducted (fen)"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=EarningState, default=EarningState.FROZEN)
    accrued_at = models.DateTimeField(_("accrued at"))
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("earning")
        verbose_name_plural = _("earnings")
        constraints = [
            models.UniqueConstraint(
                fields=["order_line"],
                condition=Q(order_line__isnull=False),
                name="earning_once_per_line",
            ),
            models.UniqueConstraint(
                fields=["supplier_order"],
                condition=Q(order_line=None),
                name="earning_once_for_freight",
            ),
            models.CheckConstraint(
                condition=Q(amount_fen__gt=0, deducted_fen__gte=0, deducted_fen__lte=F("amount_fen")),
                name="earning_deductions_within",
            ),
        ]
        indexes = [
            models.Index(fields=["supplier", "-id"]),
            models.Index(fields=["due_at", "id"], condition=Q(state="frozen"), name="earning_frozen_due"),
        ]

    def __str__(self) -> str:
        return f"{self.supplier_order_id}: {self.amount_fen}"


class Deduction(models.Model):
    """What one refund took back from one earning. A row of its own, never an edit."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="deductions")
    earning = models.ForeignKey(Earning, models.PROTECT, related_name="deductions")
    refund_number = models.CharField(_("refund"), max_length=32)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("deduction")
        verbose_name_plural = _("deductions")
        constraints = [
            models.UniqueConstraint(fields=["earning", "refund_number"], name="deduction_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="deduction_some"),
        ]

    def __str__(self) -> str:
        return f"{self.refund_number}: {self.amount_fen}"


class SupplierPayout(models.Model):
    """One bank transfer to a supplier for a confirmed statement, made and recorded by staff."""

    lifecycle = SUPPLIER_PAYOUT

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_payout_number)
    statement = models.ForeignKey(Statement, models.PROTECT, related_name="payouts", verbose_name=_("statement"))
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="payouts", verbose_name=_("supplier"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    state = models.CharField(
        _("state"), max_length=10, choices=SupplierPayoutState, default=SupplierPayoutState.STARTED
    )
    started_by = models.CharField(_("started by"), max_length=64)
    started_at = models.DateTimeField(_("started at"))
    bank_reference = models.CharField(_("bank's reference"), max_length=64, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    fail_reason = models.CharField(_("why it failed"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("supplier payout")
        verbose_name_plural = _("supplier payouts")
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="supplier_payout_positive"),
            models.UniqueConstraint(fields=["statement"], condition=~Q(state="failed"), name="supplier_payout_once"),
            # One bank transfer is recorded for one payout.
            models.UniqueConstraint(
                fields=["bank_reference"],
                condition=~Q(bank_reference=""),
                name="supplier_payout_reference_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="paid") | ~Q(bank_reference=""),
                name="supplier_payout_paid_has_reference",
            ),
        ]

    def __str__(self) -> str:
        return self.number
