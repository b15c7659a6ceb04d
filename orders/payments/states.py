"""The lives of a payment and of a refund."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class PaymentState(models.TextChoices):
    STARTED = "started", _("started")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    EXPIRED = "expired", _("expired")


PAYMENT = Table(
    "payment",
    {
        PaymentState.STARTED: (PaymentState.SUCCEEDED, PaymentState.FAILED, PaymentState.EXPIRED),
        # A late payment: the money came after we had given up; it is taken in and sent back.
        PaymentState.EXPIRED: (PaymentState.SUCCEEDED,),
        PaymentState.FAILED: (PaymentState.SUCCEEDED,),
        PaymentState.SUCCEEDED: (),
    },
)


class RefundState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    SENT = "sent", _("sent")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")


REFUND = Table(
    "refund",
    {
        RefundState.REQUESTED: (RefundState.SENT, RefundState.SUCCEEDED, RefundState.FAILED),
        RefundState.SENT: (RefundState.SUCCEEDED, RefundState.FAILED),
        # Staff may send an abnormal refund again, under the same number.
        RefundState.FAILED: (RefundState.SENT, RefundState.SUCCEEDED),
        RefundState.SUCCEEDED: (),
    },
)
