"""Staff: what is due, and what is stuck."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from shop.base.backoffice import Act, Acting, ReadOnly
from shop.work.actions import remember
from shop.work.models import Due, DueState


def _again(request: HttpRequest, row: Due, data: dict[str, Any]) -> None:
    remember(what=row.what, subject=row.subject, due_at=timezone.now())


@admin.register(Due)
class DueAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("what", "subject", "state", "due_at", "attempts", "last_error")
    list_filter = ("state", "what")
    search_fields = ("subject",)
    ordering = ("-pk",)
    acts = (
        Act(
            "again",
            _("Try again now"),
            _again,
            offered=lambda row: row.state != DueState.DONE,
            permission="work.change_due",
        ),
    )
