"""Staff: categories, and the review of products."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from shop.base.backoffice import Act, ActForm, Acting, ReadOnly, ReasonForm, staff_actor
from shop.catalogue import actions
from shop.catalogue.categories import update_category
from shop.catalogue.models import Category, Product, ProductImage, Sku
from shop.catalogue.states import ProductState
from shop.pages import marks


def _approve(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    actions.approve_product(product=row, actor=staff_actor(request), at=timezone.now())


def _reject(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    actions.reject_product(product=row, actor=staff_actor(request), at=timezone.now(), **data)


def _take_off(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    actions.take_off_sale(product=row, actor=staff_actor(request), at=timezone.now(), **data)


class SkuInline(ReadOnly, TabularInline):
    model = Sku
    fields = ("number", "code", "option_values", "weight_g", "is_active")
    readonly_fields = fields
    extra = 0


class ImageInline(ReadOnly, TabularInline):
    model = ProductImage
    fields = ("file", "alt", "source_url")
    readonly_fields = fields
    extra = 0


@admin.register(Product)
class ProductAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("title", "supplier", "category", "state", "updated_at")
    list_filter = ("state", "category")
    search_fields = ("title", "number", "handle")
    list_select_related = ("supplier", "category")
    exclude = ("search_text",)
    show_full_result_count = False
    inlines = (SkuInline, ImageInline)
    acts = (
        Act(
            "approve",
            _("Approve and put on sale"),
            _approve,
            offered=lambda row: row.state == ProductState.IN_REVIEW,
            permission="catalogue.change_product",
        ),
        Act(
            "reject",
            _("Reject"),
            _reject,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == ProductState.IN_REVIEW,
            permission="catalogue.change_product",
        ),
        Act(
            "off",
            _("Take off sale"),
            _take_off,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == ProductState.ON_SALE,
            permission="catalogue.change_product",
        ),
    )


class CategoryForm(ActForm):
    name = forms.CharField(label=_("Name"), max_length=40)
    name_en = forms.CharField(label=_("English name"), max_length=40, required=False)
    icon = forms.CharField(label=_("Icon"), max_length=40, required=False)
    position = forms.IntegerField(label=_("Position"), min_value=0)


def _change_category(request: HttpRequest, row: Category, data: dict[str, Any]) -> None:
    update_category(category=row, **data)


@admin.register(Category)
class CategoryAdmin(Acting, ModelAdmin):
    list_display = ("name", "name_en", "code", "parent", "level", "position")
    search_fields = ("name", "name_en", "code")
    list_select_related = ("parent",)
    acts = (Act("change", _("Change"), _change_category, CategoryForm, permission="catalogue.change_category"),)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("level",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.level = obj.parent.level + 1 if obj.parent else 1
        super().save_model(request, obj, form, change)
        marks.everything_changed()
