"""Supplier panel: what my SKUs cost, in yuan as people write it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shop.base.backoffice import Act, ActForm, YuanField, yuan
from shop.panel.rows import OwnRows
from shop.panel.site import supplier_site
from shop.pricing import actions
from shop.pricing.models import SkuPrice

PRICES = (
    yuan("supply_fen", _("supply price")),
    yuan("retail_fen", _("retail price")),
    yuan("floor_fen", _("floor price")),
    yuan("ceiling_fen", _("ceiling price")),
)


class PriceForm(ActForm):
    supply_fen = YuanField(label=_("Supply price (¥)"))
    retail_fen = YuanField(label=_("Retail price (¥)"))
    floor_fen = YuanField(label=_("Floor price (¥)"), required=False)
    ceiling_fen = YuanField(label=_("Ceiling price (¥)"), required=False)
    compare_at_fen = YuanField(label=_("Compare-at price (¥)"), required=False)


def _set_price(request: HttpRequest, row: SkuPrice, data: dict[str, Any]) -> None:
    actions.set_price(sku=row.sku, **data)


@admin.register(SkuPrice, site=supplier_site)
class PricePanel(OwnRows):
    owner_path = "sku__supplier"
    list_display = ("product", "sku", *PRICES)
    fields = (*list_display, yuan("compare_at_fen", _("compare-at price")))
    readonly_fields = fields
    search_fields = ("sku__code", "sku__product__title")
    list_select_related = ("sku__product",)
    acts = (Act("set", _("Set prices"), _set_price, PriceForm),)

    @admin.display(description=_("product"))
    def product(self, row: SkuPrice) -> str:
        return row.sku.product.title
