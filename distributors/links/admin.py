"""Staff: share links and whose customers are whose, to look at."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from distributors.links.models import Bond, ShareLink
from shop.base.backoffice import ReadOnly


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnly, ModelAdmin):
    list_display = ("token", "store", "target", "product", "channel", "created_at", "revoked_at")
    list_filter = ("target", "channel")
    search_fields = ("token", "store__name", "store__code")
    list_select_related = ("store", "product")
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("token", "store", "target", "product", "channel", "created_at", "revoked_at")
    readonly_fields = fields


@admin.register(Bond)
class BondAdmin(ReadOnly, ModelAdmin):
    list_display = ("customer", "store", "reason", "started_at", "protected_until", "valid_until", "ended_at")
    list_filter = ("reason",)
    search_fields = ("store__name", "store__code", "user__number", "touch_number")
    list_select_related = ("store", "user", "visitor")
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        "customer",
        "store",
        "reason",
        "touch_number",
        "started_at",
        "protected_until",
        "valid_until",
        "ended_at",
    )
    readonly_fields = fields

    @admin.display(description=_("customer"))
    def customer(self, row: Bond) -> str:
        # A visitor is nobody yet: the beginning of her key's hash tells visitors apart.
        return str(row.user) if row.user else str(row.visitor)
