"""The lives of a supplier's earning and of a statement."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class EarningState(models.TextChoices):
    FROZEN = "frozen", _("frozen")
    SETTLED = "settled", _("settled")
    DEDUCTED = "deducted", _("fully deducted")


EARNING = Table(
    "earning",
    {
        EarningState.FROZEN: (EarningState.SETTLED, EarningState.DEDUCTED),
        EarningState.SETTLED: (EarningState.DEDUCTED,),
        EarningState.DEDUCTED: (),
    },
)


class StatementState(models.TextChoices):
    OPEN = "open", _("open")
    CLOSED = "closed", _("issued")
    DISPUTED = "disputed", _("disputed")
    CONFIRMED = "confirmed", _("confirmed")
    PAID = "paid", _("paid")


STATEMENT = Table(
    "statement",
    {
        StatementState.OPEN: (StatementState.CLOSED,),
        StatementState.CLOSED: (StatementState.CONFIRMED, StatementState.DISPUTED),
        StatementState.DISPUTED: (StatementState.CLOSED,),
        StatementState.CONFIRMED: (StatementState.PAID,),
        StatementState.PAID: (),
    },
)


class SupplierPayoutState(models.TextChoices):
    STARTED = "started", _("started")
    PAID = "paid", _("paid")
    FAILED = "failed", _("failed")


SUPPLIER_PAYOUT = Table(
    "supplier_payout",
    {
        SupplierPayoutState.STARTED: (SupplierPayoutState.PAID, SupplierPayoutState.FAILED),
        SupplierPayoutState.PAID: (),
        SupplierPayoutState.FAILED: (),
    },
)
