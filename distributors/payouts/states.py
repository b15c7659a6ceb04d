"""The lives of a withdrawal."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class WithdrawalState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    # Large amounts: one person has agreed, another one must too.
    AGREED_ONCE = "agreed_once", _("agreed by one")
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
            WithdrawalState.AGREED_ONCE,
            WithdrawalState.APPROVED,
            WithdrawalState.REJECTED,
            WithdrawalState.CANCELLED,
        ),
        WithdrawalState.AGREED_ONCE: (
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

# Nothing was sent yet: it may be declined or taken back.
NOT_SENT = (WithdrawalState.REQUESTED, WithdrawalState.AGREED_ONCE, WithdrawalState.APPROVED)
# What waits for somebody to decide.
TO_DECIDE = (WithdrawalState.REQUESTED, WithdrawalState.AGREED_ONCE)
