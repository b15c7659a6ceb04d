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
    VOIDED = "voided", _("void")


REFUND = Table(
    "refund",
    {
        RefundState.REQUESTED: (RefundState.SENT, RefundState.SUCCEEDED, RefundState.FAILED),
        RefundState.SENT: (RefundState.SUCCEEDED, RefundState.FAILED),
        # Staff may send an abnormal refund again, under the same number.
        # Or say that the channel has paid it under another number, which takes its place.
        RefundState.FAILED: (RefundState.SENT, RefundState.SUCCEEDED, RefundState.VOIDED),
        RefundState.SUCCEEDED: (),
        RefundState.VOIDED: (),
    },
)


class DifferenceCause(models.TextChoices):
    """What two books tell differently, and what it usually means."""

    NOT_RECORDED = "not_recorded", _("done there, open here: its notice was lost")
    FAILED_THERE = "failed_there", _("failed there, open here: its notice was lost")
    LOST_HERE = "lost_here", _("paid there for an order of ours, its payment was lost here")
    ENDED_HERE = "ended_here", _("done there although it was given up here")
    UNKNOWN_HERE = "unknown_here", _("moved there under a number we do not know: lost here, or not ours")
    MISSING_THERE = "missing_there", _("done here, unknown there: booked without the gateway")
    OTHER_STATE = "other_state", _("done here, not done there")
    AMOUNT = "amount", _("the amounts differ")
    TWICE = "twice", _("moved there more often than here")
    OTHER_ID = "other_id", _("the gateway's own number of it differs")
