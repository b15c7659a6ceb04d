"""Supplier panel: what my SKUs cost, in yuan as people write it."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shop.base.backoffice import Act, ActForm, yuan
from shop.base.money import FEN_PER_YUAN
from shop.panel.rows import OwnRows
from shop.panel.site import supplier_site
from shop.pricing import actions
from shop.pricing.models import SkuPrice


def _yuan(label: Any, *, required: bool = True) -> forms.DecimalField:
    return forms.DecimalField(label=label, min_value=Decimal(0), max_digits=12, decimal_places=2, required=required)


class PriceForm(ActForm):
    supply = _yuan(_("Supply price (¥)"))
    retail = _yuan(_("Retail price (¥)"))
    floor = _yuan(_("Floor price (¥)"), required=False)
    ceiling = _yuan(_("Ceiling price (¥)"), required=False)
    compare_at = _yuan(_("Compare-at price (¥)"), required=False)


def _set_price(request: HttpRequest, row: SkuPrice, data: dict[str, Any]) -> None:
    fen = {f"{name}_fen": None if yuan is None else int(yuan * FEN_PER_YUAN) for name, yuan in data.items()}
    actions.set_price(sku=row.sku, **fen)  # type: ignore[arg-type]  # the form asks for what must be


@admin.register(SkuPrice, site=supplier_site)
class PricePanel(OwnRows):
    owner_path = "sku__supplier"
    list_display = (
        "product",
        "sku",
        yuan("supply_fen", _("supply price")),
        yuan("retail_fen", _("retail price")),
        yuan("floor_fen", _("floor price")),
        yuan("ceiling_fen", _("ceiling price")),
    )
    search_fields = ("sku__code", "sku__product__title")
    list_select_related = ("sku__product",)
    acts = (Act("set", _("Set prices"), _set_price, PriceForm),)

    @admin.display(description=_("product"))
    def product(self, row: SkuPrice) -> str:
        return row.sku.product.title
