"""Supplier panel: what I earned, my statements, what was paid to me."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.settlements import statements
from orders.settlements.models import Earning, Statement, SupplierPayout
from orders.settlements.states import StatementState
from shop.base.backoffice import Act, ActForm, yuan
from shop.panel.rows import OwnRows, supplier_actor
from shop.panel.site import supplier_site


class DisputeForm(ActForm):
    reason = forms.CharField(label=_("What is wrong"), max_length=200, widget=forms.Textarea(attrs={"rows": 3}))


def _confirm(request: HttpRequest, row: Statement, data: dict[str, Any]) -> None:
    statements.confirm_statement(statement=row, actor=supplier_actor(request), now=timezone.now())


def _dispute(request: HttpRequest, row: Statement, data: dict[str, Any]) -> None:
    statements.dispute(statement=row, actor=supplier_actor(request), now=timezone.now(), **data)


SUMS = (
    yuan("opening_fen", _("opening")),
    yuan("settled_fen", _("settled")),
    yuan("deducted_fen", _("deducted")),
    yuan("paid_fen", _("paid out")),
    yuan("closing_fen", _("closing balance")),
)


@admin.register(Statement, site=supplier_site)
class StatementPanel(OwnRows):
    list_display = ("number", "from_date", "until_date", "state", *SUMS)
    list_filter = ("state",)
    ordering = ("-pk",)
    fields = ("number", "from_date", "until_date", "state", *SUMS, "note", "closed_at")
    readonly_fields = fields
    acts = (
        Act("confirm", _("Confirm"), _confirm, offered=lambda row: row.state == StatementState.CLOSED),
        Act(
            "dispute",
            _("Object"),
            _dispute,
            DisputeForm,
            is_dangerous=True,
            offered=lambda row: row.state == StatementState.CLOSED,
        ),
    )


@admin.register(Earning, site=supplier_site)
class EarningPanel(OwnRows):
    list_display = (
        "supplier_order",
        "title",
        yuan("amount_fen", _("amount")),
        yuan("deducted_fen", _("deducted")),
        "state",
        "due_at",
        "settled_at",
    )
    list_filter = ("state",)
    search_fields = ("supplier_order__number",)
    list_select_related = ("supplier_order", "order_line")
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("supplier_order", "title", "state", "accrued_at", "due_at", "settled_at")
    readonly_fields = fields

    @admin.display(description=_("for"))
    def title(self, row: Earning) -> str:
        return row.order_line.title if row.order_line else str(_("freight"))


@admin.register(SupplierPayout, site=supplier_site)
class PayoutPanel(OwnRows):
    list_display = (
        "number",
        "statement",
        yuan("amount_fen", _("amount")),
        "state",
        "bank_reference",
        "finished_at",
    )
    list_select_related = ("statement",)
    ordering = ("-pk",)
