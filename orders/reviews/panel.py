"""Supplier panel: what customers say about my goods, and my answer."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from orders.reviews import actions
from orders.reviews.desk import photos_shown
from orders.reviews.models import Review
from orders.reviews.states import ReviewState
from shop.base.backoffice import Act, ActForm
from shop.panel.rows import OwnRows
from shop.panel.site import supplier_site


class AnswerForm(ActForm):
    text = forms.CharField(label=_("Answer"), max_length=500, widget=forms.Textarea(attrs={"rows": 4}))


def _answer(request: HttpRequest, row: Review, data: dict[str, Any]) -> None:
    actions.answer_review(review=row, text=data["text"], now=timezone.now())


@admin.register(Review, site=supplier_site)
class ReviewDesk(OwnRows):
    """Shown reviews only: what the platform hid is between it and the author."""

    list_display = ("written_at", "goods", "stars", "service_stars", "text", "answered_at")
    list_filter = ("stars", "service_stars", ("answered_at", admin.EmptyFieldListFilter))
    search_fields = ("number", "text", "order_line__title")
    list_select_related = ("order_line",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        "number",
        "goods",
        "written_at",
        "stars",
        "service_stars",
        "text",
        "photos_shown",
        "addition",
        "answer",
        "answered_at",
    )
    readonly_fields = fields
    acts = (
        Act(
            "answer",
            _("Answer"),
            _answer,
            AnswerForm,
            offered=lambda row: row.answered_at is None,
            explain=_("Everybody reads your answer below the review. It can be given once."),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        rows: QuerySet[Review] = super().get_queryset(request)
        return rows.filter(state=ReviewState.SHOWN).select_related("order_line", "follow_up")

    @admin.display(description=_("goods"))
    def goods(self, row: Review) -> str:
        return f"{row.order_line.title} {row.order_line.option_text}".strip()

    @admin.display(description=_("photos"))
    def photos_shown(self, row: Review) -> SafeString:
        return photos_shown(row)

    @admin.display(description=_("added later"))
    def addition(self, row: Review) -> str:
        added = getattr(row, "follow_up", None)
        return added.text if added is not None and added.state == ReviewState.SHOWN else "-"
