"""Staff: distributors' coupon codes to look at."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from distributors.codes.models import CouponCode
from shop.base.backoffice import ReadOnly


@admin.register(CouponCode)
class CouponCodeAdmin(ReadOnly, ModelAdmin):
    list_display = ("code", "store", "coupon", "created_at", "ended_at")
    search_fields = ("code", "store__name")
    list_select_related = ("store", "coupon")
    ordering = ("-pk",)
    fields = list_display
    readonly_fields = fields
