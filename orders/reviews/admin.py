"""Staff: reviews, and hiding what breaks the rules, with a reason its author reads."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from orders.reviews import actions
from orders.reviews.desk import photos_shown
from orders.reviews.models import FollowUp, Review
from orders.reviews.states import ReviewState
from shop.base.backoffice import Act, Acting, ReadOnly, ReasonForm, staff_actor


def _hide(request: HttpRequest, row: Review, data: dict[str, Any]) -> None:
    actions.hide_review(review=row, reason=data["reason"], actor=staff_actor(request), now=timezone.now())


def _show(request: HttpRequest, row: Review, data: dict[str, Any]) -> None:
    actions.show_review(review=row, actor=staff_actor(request), now=timezone.now())


def _hide_addition(request: HttpRequest, row: Review, data: dict[str, Any]) -> None:
    actions.hide_follow_up(review=row, reason=data["reason"], actor=staff_actor(request), now=timezone.now())


class FollowUpInline(ReadOnly, TabularInline):
    model = FollowUp
    extra = 0
    fields = ("written_at", "text", "state", "verdict")
    readonly_fields = fields


@admin.register(Review)
class ReviewAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("written_at", "product", "stars", "service_stars", "text", "state", "verdict")
    list_filter = ("state", "verdict", "stars", "service_stars")
    search_fields = ("number", "text", "product__title", "order__number")
    list_select_related = ("product",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        "number",
        "product",
        "supplier",
        "order",
        "user",
        "written_at",
        "stars",
        "service_stars",
        "text",
        "photos_shown",
        "answer",
        "answered_at",
        "state",
        "hidden_reason",
        "verdict",
    )
    readonly_fields = fields
    inlines = (FollowUpInline,)
    acts = (
        Act(
            "hide",
            _("Hide"),
            _hide,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == ReviewState.SHOWN,
            explain=_(
                "For what breaks the law or the rules, not for what is unfriendly. The author reads your reason."
            ),
            permission="reviews.change_review",
        ),
        Act(
            "show",
            _("Show again"),
            _show,
            offered=lambda row: row.state == ReviewState.HIDDEN,
            permission="reviews.change_review",
        ),
        Act(
            "hide_addition",
            _("Hide what was added"),
            _hide_addition,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.followed_up_at is not None,
            permission="reviews.change_review",
        ),
    )

    @admin.display(description=_("photos"))
    def photos_shown(self, row: Review) -> SafeString:
        return photos_shown(row)
