"""Staff: the platform's and the suppliers' coupons, and what they gave."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from shop.base.backoffice import ReadOnly, staff_actor, yuan
from shop.coupons.models import Coupon, CouponClaim, CouponShare, CouponUse
from shop.coupons.panel import CouponDesk, CouponForm, PercentField, coupon_acts
from shop.suppliers.models import Supplier

MAY_CHANGE = "coupons.change_coupon"


class StaffCouponForm(CouponForm):
    """A coupon's terms, whose it is, and who bears what."""

    supplier = forms.ModelChoiceField(
        label=_("Supplier"),
        queryset=Supplier.objects.filter(state="active"),
        required=False,
        help_text=_("Empty: the platform's own coupon."),
    )
    platform_bp = PercentField(label=_("The platform bears (%)"), initial=100)
    supplier_bp = PercentField(label=_("The supplier bears (%)"), initial=0)
    store_bp = PercentField(label=_("The code's store bears (%)"), initial=0)


@admin.register(Coupon)
class CouponAdmin(CouponDesk, ModelAdmin):
    coupon_form = StaffCouponForm
    list_select_related = ("supplier",)
    fields = ("supplier", *CouponDesk.fields)
    readonly_fields = fields
    acts = coupon_acts(staff_actor, MAY_CHANGE, StaffCouponForm)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def made(self, request: HttpRequest, terms: dict[str, Any]) -> Coupon:
        return Coupon(**terms)


@admin.register(CouponClaim)
class CouponClaimAdmin(ReadOnly, ModelAdmin):
    list_display = ("number", "coupon", "state", "code", "order_number", "claimed_at", "use_until")
    list_filter = ("state",)
    search_fields = ("number", "code", "order_number")
    list_select_related = ("coupon",)
    ordering = ("-pk",)
    fields = (
        "number",
        "coupon",
        "user",
        "turn",
        "code",
        "state",
        "claimed_at",
        "use_from",
        "use_until",
        "order_number",
    )
    readonly_fields = fields


class ShareInline(ReadOnly, TabularInline):
    model = CouponShare
    fields = (
        "line",
        yuan("discount_fen", _("discount")),
        yuan("platform_fen", _("platform")),
        yuan("supplier_fen", _("supplier")),
        yuan("store_fen", _("store")),
    )
    readonly_fields = fields
    extra = 0


@admin.register(CouponUse)
class CouponUseAdmin(ReadOnly, ModelAdmin):
    list_display = ("order_number", "coupon", yuan("discount_fen", _("discount")), "at", "returned_at")
    search_fields = ("order_number",)
    list_select_related = ("coupon",)
    ordering = ("-pk",)
    inlines = (ShareInline,)
    fields = ("order_number", "coupon", "claim", yuan("discount_fen", _("discount")), "at", "returned_at")
    readonly_fields = fields
