"""Staff: who recruited whom, to look at. A referral is bound once and never changed."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from distributors.referrals.models import Referral
from shop.base.backoffice import ReadOnly


@admin.register(Referral)
class ReferralAdmin(ReadOnly, ModelAdmin):
    list_display = ("store_name", "referrer_name", "bound_at", "reason")
    search_fields = ("distributor__store__name", "referrer__store__name", "distributor__user__name")
    list_select_related = ("distributor__store", "referrer__store")
    ordering = ("-bound_at", "-pk")
    show_full_result_count = False
    fields = ("store_name", "referrer_name", "bound_at", "reason")
    readonly_fields = fields

    @admin.display(description=_("store"), ordering="distributor__store__name")
    def store_name(self, row: Referral) -> str:
        return row.distributor.store.name

    @admin.display(description=_("invited by"), ordering="referrer__store__name")
    def referrer_name(self, row: Referral) -> str:
        return row.referrer.store.name
