"""Staff: withdrawals to decide about, and where distributors are paid, masked."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from distributors.payouts import actions
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.states import NOT_SENT, TO_DECIDE, WithdrawalState
from shop.accounts.rules import mask_name
from shop.base.backoffice import Act, ActForm, Acting, ReadOnly, ReasonForm, staff_actor, yuan
from shop.base.errors import Conflict
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.privacy.admin import showing

AMOUNT = yuan("amount_fen", _("amount"))
TAX = yuan("tax_fen", _("tax withheld"))


class ApprovalForm(ActForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        help_text=_("Needed for a banned distributor."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


def _approve(request: HttpRequest, row: Withdrawal, data: dict[str, Any]) -> None:
    actions.approve(withdrawal=row, actor=staff_actor(request), now=timezone.now(), **data)


def _reject(request: HttpRequest, row: Withdrawal, data: dict[str, Any]) -> None:
    actions.reject(withdrawal=row, actor=staff_actor(request), now=timezone.now(), **data)


def _query(request: HttpRequest, row: Withdrawal, data: dict[str, Any]) -> None:
    try:
        actions.settle_unknown(number=row.number, now=timezone.now())
    except (GatewayRefused, GatewayUnknown) as error:
        raise Conflict(_("The channel does not answer. Ask again in a minute.")) from error


def _what_approving_means(row: Withdrawal) -> str:
    if row.needs_two and row.state == WithdrawalState.REQUESTED:
        return str(_("The amount is large: it is sent when a second person has approved it too."))
    return str(_("It is sent to the channel under its own number, once."))


# What was sent and has no known end.
_SENT = (WithdrawalState.SENDING, WithdrawalState.UNKNOWN, WithdrawalState.WAITING_USER)


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "store", AMOUNT, "payee", "state", "requested_at", "finished_at")
    list_filter = ("state",)
    search_fields = ("number", "bill_id", "store__name", "store__code")
    list_select_related = ("store",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        "number",
        "store",
        AMOUNT,
        TAX,
        "payee",
        "state",
        "gateway",
        "bill_id",
        "requested_at",
        "needs_two",
        "agreed_by",
        "reviewed_by",
        "reviewed_at",
        "sent_at",
        "confirm_until",
        "finished_at",
        "fail_reason",
    )
    readonly_fields = fields
    acts = (
        Act(
            "approve",
            _("Approve"),
            _approve,
            ApprovalForm,
            offered=lambda row: row.state in TO_DECIDE,
            explain=_what_approving_means,
            permission="payouts.change_withdrawal",
        ),
        Act(
            "reject",
            _("Decline"),
            _reject,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state in NOT_SENT,
            explain=_("The amount is available to her again; she reads the reason."),
            permission="payouts.change_withdrawal",
        ),
        Act(
            "query",
            _("Ask the channel"),
            _query,
            offered=lambda row: row.state in _SENT,
            permission="payouts.change_withdrawal",
        ),
    )

    @admin.display(description=_("paid to"))
    def payee(self, row: Withdrawal) -> str:
        return mask_name(row.real_name)


@admin.register(PayoutAccount)
class PayoutAccountAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("store_name", "channel", "payee", "masked_openid", "changed_at", "cooling_until")
    list_filter = ("channel",)
    search_fields = ("distributor__store__name", "distributor__store__code")
    list_select_related = ("distributor__store",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("store_name", "channel", "payee", "masked_openid", "changed_at", "cooling_until")
    readonly_fields = fields
    acts = (
        showing(
            {_("Real name"): lambda row: row.real_name, _("openid"): lambda row: row.openid},
            subject=lambda row: f"payout_account:{row.distributor.number}",
        ),
    )

    @admin.display(description=_("store"), ordering="distributor__store__name")
    def store_name(self, row: PayoutAccount) -> str:
        return row.distributor.store.name

    @admin.display(description=_("real name"))
    def payee(self, row: PayoutAccount) -> str:
        return mask_name(row.real_name)

    @admin.display(description=_("openid"))
    def masked_openid(self, row: PayoutAccount) -> str:
        return f"…{row.openid[-4:]}"
