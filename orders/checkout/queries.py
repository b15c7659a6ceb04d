"""What checkout asks: SKUs as they stand now, in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, JSONObject

from distributors.stores.models import ListingPrice
from distributors.stores.states import DistributorState
from orders.checkout.items import Item
from orders.checkout.rules import Goods
from shop.catalogue.models import ProductImage, Sku
from shop.catalogue.states import ProductState
from shop.suppliers.states import SupplierState

# A product's shelf and the two above it, the nearest first.
_SHELVES = ("product__category", "product__category__parent", "product__category__parent__parent")
_FIELDS = (
    *("pk", "number", "option_values", "weight_g", "on_sale", "left", "picture"),
    *("product_id", "product__number", "product__title"),
    *("supplier_id", "supplier__code", "supplier__name", "supplier__contract", "supplier__fee_bp"),
    *(f"price__{kind}_fen" for kind in ("supply", "retail", "floor", "ceiling")),
    *(f"{shelf}__{name}" for shelf in _SHELVES for name in ("code", "return_days")),
)


def goods_of(items: Sequence[Item]) -> dict[str, Goods]:
    """Return the items' SKUs by number, on sale or not; unknown numbers are left out.

    The own prices of the items' stores come along: open stores only, and only what lies within the
    supplier's present band – outside it the retail price counts.
    """
    pictures = ProductImage.objects.filter(product=OuterRef("product_id")).exclude(file="")
    rows = Sku.objects.filter(number__in={item.sku_number for item in items}).annotate(
        on_sale=Q(
            is_active=True, product__state=ProductState.ON_SALE, supplier__state=SupplierState.ACTIVE
        ),
        left=Coalesce(F("stock__on_hand"), 0),
        picture=Subquery(pictures.order_by("position", "pk").values("file")[:1]),
    )
    codes = sorted({item.store_code for item in items if item.store_code})
    if codes:
        rows = rows.annotate(own=ArraySubquery(_own_prices(codes)))
    found = rows.order_by().values(*_FIELDS, *(["own"] if codes else []))
    return {row["number"]: _goods(row) for row in found}


def _own_prices(codes: Sequence[str]) -> QuerySet[ListingPrice]:
    prices = ListingPrice.objects.filter(
        sku=OuterRef("pk"),
        listing__store__code__in=codes,
        listing__store__distributor__state=DistributorState.ACTIVE,
        retail_fen__gte=OuterRef("price__floor_fen"),
        retail_fen__lte=OuterRef("price__ceiling_fen"),
    )
    return prices.values(own=JSONObject(code="listing__store__code", fen="retail_fen"))


def _goods(row: Mapping[str, Any]) -> Goods:
    days = (row[f"{shelf}__return_days"] for shelf in _SHELVES)
    codes = (row[f"{shelf}__code"] for shelf in _SHELVES)
    return Goods(
        sku_id=row["pk"],
        sku_number=row["number"],
        option_values=row["option_values"],
        weight_g=row["weight_g"],
        is_on_sale=row["on_sale"],
        product_id=row["product_id"],
        product_number=row["product__number"],
        title=row["product__title"],
        category_codes=tuple(code for code in codes if code),
        return_days=next((count for count in days if count is not None), None),
        supplier_id=row["supplier_id"],
        supplier_code=row["supplier__code"],
        supplier_name=row["supplier__name"],
        contract=row["supplier__contract"],
        fee_bp=row["supplier__fee_bp"],
        supply_fen=row["price__supply_fen"],
        retail_fen=row["price__retail_fen"],
        floor_fen=row["price__floor_fen"],
        ceiling_fen=row["price__ceiling_fen"],
        available=row["left"],
        image=row["picture"] or "",
        own_fen={own["code"]: own["fen"] for own in row.get("own", ())},
    )
