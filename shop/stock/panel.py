"""Supplier panel: how many pieces I have."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop.base.backoffice import Act, ActForm
from shop.panel.rows import OwnRows
from shop.panel.site import supplier_site
from shop.stock import actions
from shop.stock.models import StockItem, StockMovement


class ReceiveForm(ActForm):
    quantity = forms.IntegerField(label=_("Pieces received"), min_value=1)
    reference = forms.CharField(label=_("Delivery note"), max_length=64)


class CountForm(ActForm):
    on_hand = forms.IntegerField(label=_("Pieces counted on hand"), min_value=0)
    reason = forms.CharField(label=_("Reason"), max_length=60)


def _receive(request: HttpRequest, row: StockItem, data: dict[str, Any]) -> None:
    actions.receive(sku=row.sku, at=timezone.now(), **data)


def _correct(request: HttpRequest, row: StockItem, data: dict[str, Any]) -> None:
    actions.correct(sku=row.sku, at=timezone.now(), **data)


@admin.register(StockItem, site=supplier_site)
class StockPanel(OwnRows):
    owner_path = "sku__supplier"
    list_display = ("product", "sku", "on_hand", "reserved", "sold", "returned")
    search_fields = ("sku__code", "sku__product__title")
    list_select_related = ("sku__product",)
    acts = (
        Act("receive", _("Receive goods"), _receive, ReceiveForm),
        Act(
            "count",
            _("Correct after counting"),
            _correct,
            CountForm,
            explain=_("Reserved and sold pieces stay as they are."),
        ),
    )

    @admin.display(description=_("product"))
    def product(self, row: StockItem) -> str:
        return row.sku.product.title


@admin.register(StockMovement, site=supplier_site)
class MovementPanel(OwnRows):
    owner_path = "sku__supplier"
    list_display = ("at", "sku", "kind", "quantity", "reference")
    list_filter = ("kind",)
    ordering = ("-pk",)
    list_select_related = ("sku",)
    show_full_result_count = False
