"""Staff: what is due, what is stuck, and what the clock rings for."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from shop.base.backoffice import Act, Acting, ReadOnly
from shop.work.actions import remember
from shop.work.models import ClockTask, Due, DueState


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


# The clock's tasks are written in the settings and put into its table by the clock itself; what somebody typed would be
# overwritten or, worse, ring for money at an hour nobody reviewed.
if apps.is_installed("django_celery_beat"):
    for _model in apps.get_app_config("django_celery_beat").get_models():
        if admin.site.is_registered(_model):
            admin.site.unregister(_model)


@admin.register(ClockTask)
class ClockTaskAdmin(ReadOnly, ModelAdmin):
    """When the clock rings, and when it last rang."""

    list_display = ("name", "rhythm", "enabled", "last_run_at", "total_run_count")
    search_fields = ("name", "task")
    fields = ("name", "task", "rhythm", "enabled", "last_run_at", "total_run_count", "queue")
    readonly_fields = fields
    ordering = ("name",)

    @admin.display(description=_("rhythm"))
    def rhythm(self, row: ClockTask) -> str:
        seconds = settings.CELERY_BEAT_SCHEDULE.get(row.name, {}).get("schedule")
        if seconds is None:
            return ""
        if seconds % 3600 == 0:
            return ngettext("every hour", "every %(count)d hours", count := seconds // 3600) % {"count": count}
        if seconds % 60 == 0:
            return ngettext("every minute", "every %(count)d minutes", count := seconds // 60) % {"count": count}
        return ngettext("every second", "every %(count)d seconds", seconds) % {"count": seconds}
