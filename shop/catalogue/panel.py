"""Supplier panel: my products."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.backoffice import Act, ActForm
from shop.catalogue import actions, pictures
from shop.catalogue.models import Category, Product, ProductImage, Sku
from shop.catalogue.rules import SkuDraft
from shop.catalogue.states import ProductState
from shop.media.rules import ACCEPT, BYTES_MAX
from shop.panel.rows import OwnInline, OwnRows, supplier_actor
from shop.panel.site import own_supplier, supplier_site

EDITABLE = (
    ProductState.DRAFT,
    ProductState.REJECTED,
    ProductState.ON_SALE,
    ProductState.OFF_SALE,
)


class WordsForm(ActForm):
    title = forms.CharField(label=_("Title"), max_length=120, required=False)
    subtitle = forms.CharField(label=_("Subtitle"), max_length=160, required=False)
    description_html = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 8}))


class SkuForm(ActForm):
    options = forms.CharField(
        label=_("Option values"),
        max_length=200,
        required=False,
        help_text=_("One per option of the product, separated by “/”: red / L"),
    )
    code = forms.CharField(label=_("Your SKU code"), max_length=80, required=False)
    weight_g = forms.IntegerField(label=_("Weight (g)"), min_value=0, required=False)


class PictureForm(ActForm):
    file = forms.FileField(
        label=_("Picture"),
        help_text=_("JPEG, PNG or WebP, at most 10 MB."),
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPT}),
    )
    alt = forms.CharField(
        label=_("What it shows"),
        max_length=120,
        required=False,
        help_text=_("Name the option it shows, as “white, front”: it is shown when somebody chooses white."),
    )


def _change_words(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    words = {field: text for field, text in data.items() if text}
    actions.update_product(product=row, actor=supplier_actor(request), at=timezone.now(), **words)


def _submit(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    actions.submit_for_review(product=row, actor=supplier_actor(request), at=timezone.now())


def _withdraw(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    actions.withdraw_from_review(product=row, actor=supplier_actor(request), at=timezone.now())


def _take_off(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    actions.take_off_sale(product=row, actor=supplier_actor(request), at=timezone.now())


def _put_on(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    actions.put_on_sale(product=row, actor=supplier_actor(request), at=timezone.now())


def _add_sku(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    values = tuple(part.strip() for part in data["options"].split("/") if part.strip())
    draft = SkuDraft(values, data["code"], data["weight_g"])
    actions.add_sku(product=row, sku=draft, actor=supplier_actor(request), at=timezone.now())


def _add_picture(request: HttpRequest, row: Product, data: dict[str, Any]) -> None:
    pictures.add_picture(
        product=row,
        data=data["file"].read(BYTES_MAX + 1),
        alt=data["alt"],
        uploader=cast(User, request.user),
        now=timezone.now(),
    )


class SkuInline(OwnInline):
    model = Sku
    owner_path = "supplier"
    fields = ("number", "code", "option_values", "weight_g", "is_active")
    readonly_fields = fields


class ImageInline(OwnInline):
    model = ProductImage
    owner_path = "product__supplier"
    fields = ("file", "alt", "source_url")
    readonly_fields = fields


@admin.register(Category, site=supplier_site)
class CategoryPanel(OwnRows):
    """The shelves a product can stand on; the platform's, the same for everyone."""

    owner_path = ""
    list_display = ("name", "code", "parent", "return_days")
    list_select_related = ("parent",)
    search_fields = ("name", "code")


@admin.register(Product, site=supplier_site)
class ProductPanel(OwnRows):
    may_add = True
    list_display = ("title", "category", "state", "sold_count", "updated_at")
    list_filter = ("state",)
    search_fields = ("title", "number", "handle")
    list_select_related = ("category",)
    inlines = (SkuInline, ImageInline)
    add_fields = ("category", "title", "subtitle", "description_html")
    fields = (
        "number",
        "handle",
        "category",
        "title",
        "subtitle",
        "description_html",
        "option_names",
        "state",
        "sold_count",
        "on_sale_at",
    )
    acts = (
        Act(
            "words",
            _("Change words"),
            _change_words,
            WordsForm,
            offered=lambda row: row.state in EDITABLE,
            explain=_("Fields left empty stay. What is on sale goes back to review."),
        ),
        Act("sku", _("Add a SKU"), _add_sku, SkuForm),
        Act("picture", _("Add a picture"), _add_picture, PictureForm),
        Act(
            "submit",
            _("Submit for review"),
            _submit,
            offered=lambda row: row.state in (ProductState.DRAFT, ProductState.REJECTED, ProductState.OFF_SALE),
        ),
        Act("withdraw", _("Take back from review"), _withdraw, offered=lambda row: row.state == ProductState.IN_REVIEW),
        Act(
            "off",
            _("Take off sale"),
            _take_off,
            is_dangerous=True,
            offered=lambda row: row.state == ProductState.ON_SALE,
        ),
        Act("on", _("Put on sale again"), _put_on, offered=lambda row: row.state == ProductState.OFF_SALE),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else self.add_fields

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A new product is made by the same action as everywhere, owned by the supplier."""
        supplier: Any = own_supplier(request)
        made = actions.create_product(
            supplier=supplier, actor=supplier_actor(request), at=timezone.now(), **form.cleaned_data
        )
        obj.pk = made.pk
        obj.__dict__.update(made.__dict__)


@admin.register(Sku, site=supplier_site)
class SkuPanel(OwnRows):
    list_display = ("__str__", "product", "code", "weight_g", "is_active")
    list_filter = ("is_active",)
    search_fields = ("code", "number", "product__title")
    list_select_related = ("product",)
    fields = ("number", "product", "code", "option_values", "weight_g", "barcode", "is_active")
    acts = (
        Act(
            "offer",
            _("Offer"),
            lambda request, row, data: actions.set_sku_active(sku=row, is_active=True),
            offered=lambda row: not row.is_active,
        ),
        Act(
            "stop",
            _("Stop offering"),
            lambda request, row, data: actions.set_sku_active(sku=row, is_active=False),
            offered=lambda row: row.is_active,
            is_dangerous=True,
        ),
    )
