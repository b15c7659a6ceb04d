"""Where a distributor is paid, and every withdrawal."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from distributors.payouts.states import WITHDRAWAL, WithdrawalState
from distributors.stores.models import Distributor, Store
from shop.base.numbers import new_number
from shop.privacy.fields import SealedField

# The states that money may leave in, or has left in.
_AGREED = (
    WithdrawalState.APPROVED,
    WithdrawalState.SENDING,
    WithdrawalState.UNKNOWN,
    WithdrawalState.WAITING_USER,
    WithdrawalState.PAID,
)


def new_withdrawal_number() -> str:
    return new_number("W")


class PayoutAccount(models.Model):
    """A distributor's way to be paid. Changing it starts a cooling-off time."""

    class Channel(models.TextChoices):
        WECHAT = "wechat", _("WeChat change")

    distributor = models.OneToOneField(
        Distributor, models.PROTECT, related_name="payout_account", verbose_name=_("distributor")
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel, default=Channel.WECHAT)
    # The app the openid belongs to (mini-program or official account); empty in rows of before: the mini-program.
    app_id = models.CharField(max_length=32, blank=True)
    openid = models.CharField(_("openid"), max_length=64)
    real_name = SealedField(_("real name"), max_length=40)
    changed_at = models.DateTimeField(_("changed at"))
    # No withdrawal before then; empty for the first account.
    cooling_until = models.DateTimeField(_("cooling off until"), null=True, blank=True)

    class Meta:
        verbose_name = _("payout account")
        verbose_name_plural = _("payout accounts")
        constraints = [models.UniqueConstraint(fields=["channel", "openid"], name="payouts_one_payee_each")]

    def __str__(self) -> str:
        return f"{self.channel} {self.distributor_id}"


class Withdrawal(models.Model):
    """One request for money. ``number`` is the bill number at the gateway, for ever."""

    lifecycle = WITHDRAWAL

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_withdrawal_number)
    store = models.ForeignKey(Store, models.PROTECT, related_name="withdrawals", verbose_name=_("store"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    tax_fen = models.BigIntegerField(_("tax withheld (fen)"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=WithdrawalState, default=WithdrawalState.REQUESTED)
    # The payee as it was when asked; later changes of the payout account do not reach it.
    app_id = models.CharField(max_length=32, blank=True)
    openid = models.CharField(max_length=64)
    real_name = SealedField(_("real name"), max_length=40)
    gateway = models.CharField(_("gateway"), max_length=16)
    requested_at = models.DateTimeField(_("requested at"))
    # Set when the amount is above the limit of that day; then two different people must agree.
    needs_two = models.BooleanField(_("needs two people"), default=False)
    agreed_by = models.CharField(_("first agreed by"), max_length=64, blank=True)
    reviewed_by = models.CharField(_("reviewed by"), max_length=64, blank=True)
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    bill_id = models.CharField(_("gateway's bill"), max_length=64, blank=True)
    package_info = models.TextField(blank=True)
    confirm_until = models.DateTimeField(_("confirm until"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    fail_reason = models.CharField(_("why it failed"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        indexes = [
            models.Index(fields=["store", "-id"]),
            models.Index(fields=["state", "-id"], name="payouts_by_state"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0, tax_fen__gte=0), name="payouts_amount_positive"),
            models.CheckConstraint(
                condition=Q(needs_two=False)
                | ~Q(state__in=_AGREED)
                | (~Q(agreed_by="") & ~Q(reviewed_by="") & ~Q(agreed_by=models.F("reviewed_by"))),
                name="payouts_two_people_agree",
            ),
            models.CheckConstraint(condition=Q(tax_fen__lt=models.F("amount_fen")), name="payouts_tax_below_amount"),
            # One bill of the gateway pays one withdrawal.
            models.UniqueConstraint(fields=["gateway", "bill_id"], condition=~Q(bill_id=""), name="payouts_bill_once"),
        ]

    def __str__(self) -> str:
        return self.number


class PayoutHold(models.Model):
    """A time in which nothing is paid out: the database may have forgotten what was."""

    class Cause(models.TextChoices):
        RESTORED = "restored", _("the database was restored or taken over")
        UNKNOWN_NUMBER = "unknown_number", _("the channel tells of a number we do not know")
        STAFF = "staff", _("by staff")

    cause = models.CharField(_("cause"), max_length=16, choices=Cause)
    detail = models.CharField(_("details"), max_length=200, blank=True)
    placed_at = models.DateTimeField(_("placed at"))
    placed_by = models.CharField(_("placed by"), max_length=64)
    # The last moment this database knows of itself before the hold: what came after it may be forgotten.
    remembered_until = models.DateTimeField(_("remembers until"), null=True, blank=True)
    lifted_at = models.DateTimeField(_("lifted at"), null=True, blank=True)
    lifted_by = models.CharField(_("lifted by"), max_length=64, blank=True)
    lift_reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("payout hold")
        verbose_name_plural = _("payout holds")

    def __str__(self) -> str:
        return f"{self.cause} {timezone.localtime(self.placed_at):%Y-%m-%d %H:%M}"


class DatabaseMark(models.Model):
    """Which database this was at some moment; another one after a restore."""

    identity = models.CharField(max_length=64)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.identity
