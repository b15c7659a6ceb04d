"""Staff: comparisons with the gateway's book, and what they found. Payments themselves stand in ``orders.flow``."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from orders.payments import actions
from orders.payments.models import BookDifference, Reconciliation
from shop.base.backoffice import Act, ActForm, Acting, ReadOnly, staff_actor, yuan

OURS = yuan("ours_fen", _("here"))
THEIRS = yuan("theirs_fen", _("there"))
KINDS = {"payment": _("payment"), "refund": _("refund"), "transfer": _("withdrawal")}


class ExplanationForm(ActForm):
    text = forms.CharField(label=_("Why"), max_length=200, widget=forms.Textarea(attrs={"rows": 3}))


def _explain(request: HttpRequest, row: BookDifference, data: dict[str, Any]) -> None:
    actions.explain_difference(difference=row, actor=staff_actor(request), **data)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnly, ModelAdmin):
    list_display = ("started_at", "gateway", "since", "until", "theirs_count", "ours_count", "open_count")
    list_filter = ("gateway",)
    ordering = ("-pk",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reconciliation]:
        is_open = Q(differences__is_mended=False, differences__explained_by="")
        rows: QuerySet[Reconciliation] = super().get_queryset(request)
        return rows.annotate(open=Count("differences", filter=is_open))

    @admin.display(description=_("open differences"))
    def open_count(self, row: Reconciliation) -> int:
        return int(row.open)  # type: ignore[attr-defined]


@admin.register(BookDifference)
class BookDifferenceAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "what", "cause", OURS, THEIRS, "reference", "is_mended", "explanation")
    list_filter = ("cause", "kind", "is_mended")
    search_fields = ("number", "reference")
    list_select_related = ("reconciliation",)
    ordering = ("-reconciliation_id", "kind", "number")
    show_full_result_count = False
    fields = (
        "reconciliation",
        "number",
        "what",
        "cause",
        OURS,
        THEIRS,
        "detail",
        "reference",
        "is_mended",
        "mend_error",
        "explained_by",
        "explanation",
    )
    readonly_fields = fields
    acts = (
        Act(
            "explain",
            _("Explain"),
            _explain,
            ExplanationForm,
            offered=lambda row: row.is_open,
            explain=_("Say why the books may differ here. Later comparisons that find the same take it over."),
            permission="payments.change_bookdifference",
        ),
    )

    @admin.display(description=_("kind"), ordering="kind")
    def what(self, row: BookDifference) -> str:
        return str(KINDS[row.kind])
