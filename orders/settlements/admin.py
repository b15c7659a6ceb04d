"""Staff: suppliers' statements and their payment by bank."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from orders.settlements import statements
from orders.settlements.models import Earning, Statement, SupplierPayout
from orders.settlements.states import StatementState, SupplierPayoutState
from shop.base.backoffice import Act, ActForm, Acting, ReadOnly, ReasonForm, staff_actor, yuan


class NoteForm(ActForm):
    note = forms.CharField(label=_("Answer to the supplier"), max_length=200)


class BankForm(ActForm):
    bank_reference = forms.CharField(label=_("Bank's reference"), max_length=64)


def _reissue(request: HttpRequest, row: Statement, data: dict[str, Any]) -> None:
    statements.reissue(statement=row, actor=staff_actor(request), now=timezone.now(), **data)


def _pay(request: HttpRequest, row: Statement, data: dict[str, Any]) -> None:
    statements.pay_statement(statement=row, actor=staff_actor(request), now=timezone.now())


def _may_pay(row: Statement) -> bool:
    is_under_way = row.payouts.filter(state=SupplierPayoutState.STARTED).exists()
    return row.state == StatementState.CONFIRMED and not is_under_way


def _paid(request: HttpRequest, row: SupplierPayout, data: dict[str, Any]) -> None:
    statements.record_payout_paid(number=row.number, actor=staff_actor(request), now=timezone.now(), **data)


def _failed(request: HttpRequest, row: SupplierPayout, data: dict[str, Any]) -> None:
    statements.record_payout_failed(number=row.number, actor=staff_actor(request), now=timezone.now(), **data)


SUMS = (
    yuan("opening_fen", _("opening")),
    yuan("settled_fen", _("settled")),
    yuan("deducted_fen", _("deducted")),
    yuan("paid_fen", _("paid out")),
    yuan("closing_fen", _("closing balance")),
)


@admin.register(Statement)
class StatementAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "supplier", "from_date", "until_date", "state", yuan("closing_fen", _("closing balance")))
    fields = ("number", "supplier", "from_date", "until_date", "state", *SUMS, "note", "closed_at")
    readonly_fields = fields
    list_filter = ("state",)
    search_fields = ("number", "supplier__name")
    list_select_related = ("supplier",)
    ordering = ("-pk",)
    acts = (
        Act(
            "reissue",
            _("Issue again"),
            _reissue,
            NoteForm,
            offered=lambda row: row.state == StatementState.DISPUTED,
            permission="settlements.change_statement",
        ),
        Act(
            "pay",
            _("Start paying"),
            _pay,
            offered=_may_pay,
            explain=_("The money is set aside; then make the bank transfer and record it."),
            permission="settlements.change_supplierpayout",
        ),
    )


@admin.register(SupplierPayout)
class SupplierPayoutAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = (
        "number",
        "supplier",
        "statement",
        yuan("amount_fen", _("amount")),
        "state",
        "bank_reference",
        "started_at",
        "finished_at",
    )
    list_filter = ("state",)
    search_fields = ("number", "supplier__name", "bank_reference")
    list_select_related = ("supplier", "statement")
    ordering = ("-pk",)
    acts = (
        Act(
            "paid",
            _("Record the bank transfer"),
            _paid,
            BankForm,
            offered=lambda row: row.state == SupplierPayoutState.STARTED,
            permission="settlements.change_supplierpayout",
        ),
        Act(
            "failed",
            _("The bank sent it back"),
            _failed,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == SupplierPayoutState.STARTED,
            permission="settlements.change_supplierpayout",
        ),
    )


@admin.register(Earning)
class EarningAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "supplier",
        "supplier_order",
        yuan("amount_fen", _("amount")),
        yuan("deducted_fen", _("deducted")),
        "state",
        "due_at",
        "settled_at",
    )
    list_filter = ("state",)
    search_fields = ("supplier_order__number", "supplier__name")
    list_select_related = ("supplier", "supplier_order")
    ordering = ("-pk",)
    show_full_result_count = False
