"""Staff: who changed what, when and why."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from shop.base.backoffice import ReadOnly
from shop.states.models import StateChange


@admin.register(StateChange)
class StateChangeAdmin(ReadOnly, ModelAdmin):
    list_display = ("subject", "source", "target", "actor", "reason", "at")
    search_fields = ("subject", "actor")
    ordering = ("-pk",)
    show_full_result_count = False
