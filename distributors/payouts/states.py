"""The lives of a withdrawal."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class WithdrawalState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    CANCELLED = "cancelled", _("cancelled")
    SENDING = "sending", _("sending")
    UNKNOWN = "unknown", _("being checked")
    WAITING_USER = "waiting_user", _("waiting for your confirmation")
    PAID = "paid", _("paid")
    FAILED = "failed", _("failed")


WITHDRAWAL = Table(
    "withdrawal",
    {
        WithdrawalState.REQUESTED: (
            WithdrawalState.APPROVED,
            WithdrawalState.REJECTED,
            WithdrawalState.CANCELLED,
        ),
        WithdrawalState.APPROVED: (
            WithdrawalState.SENDING,
            WithdrawalState.REJECTED,
            WithdrawalState.CANCELLED,
        ),
        WithdrawalState.SENDING: (
            WithdrawalState.WAITING_USER,
            WithdrawalState.UNKNOWN,
            WithdrawalState.PAID,
            WithdrawalState.FAILED,
        ),
        WithdrawalState.UNKNOWN: (
            WithdrawalState.WAITING_USER,
            WithdrawalState.SENDING,
            WithdrawalState.PAID,
            WithdrawalState.FAILED,
        ),
        WithdrawalState.WAITING_USER: (WithdrawalState.PAID, WithdrawalState.FAILED),
        WithdrawalState.PAID: (),
        WithdrawalState.FAILED: (),
        WithdrawalState.REJECTED: (),
        WithdrawalState.CANCELLED: (),
    },
)
