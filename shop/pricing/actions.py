"""Setting prices. Orders copied theirs when they were placed and do not change."""

from collections.abc import Mapping

from django.db import transaction

from shop.base.locks import lock_rows
from shop.catalogue.models import Sku
from shop.catalogue.queries import product_numbers
from shop.pages import marks
from shop.pricing.models import SkuPrice
from shop.pricing.rules import Prices, band, check_prices

_FIELDS = ("supply_fen", "retail_fen", "floor_fen", "ceiling_fen", "compare_at_fen")
_BATCH = 500


def set_price(
    *,
    sku: Sku,
    supply_fen: int,
    retail_fen: int,
    floor_fen: int | None = None,
    ceiling_fen: int | None = None,
    compare_at_fen: int | None = None,
) -> SkuPrice:
    """Set all prices of a SKU, in fen. Without floor or ceiling the usual band is taken.

    The product's lowest price follows by itself. Raises ``Invalid`` naming the field.
    """
    usual_floor_fen, usual_ceiling_fen = band(supply_fen=max(0, supply_fen), retail_fen=max(0, retail_fen))
    prices = Prices(
        supply_fen=supply_fen,
        retail_fen=retail_fen,
        floor_fen=usual_floor_fen if floor_fen is None else floor_fen,
        ceiling_fen=usual_ceiling_fen if ceiling_fen is None else ceiling_fen,
        compare_at_fen=compare_at_fen,
    )
    set_prices(prices={sku.pk: prices})
    return SkuPrice.objects.get(sku=sku)


def set_prices(*, prices: Mapping[int, Prices]) -> set[int]:
    """Set the prices of many SKUs, by SKU id; return the ids whose prices are new or differ.

    A fixed number of statements. Raises ``Invalid`` naming the field; nothing is written then.
    """
    for one in prices.values():
        check_prices(one)
    with transaction.atomic():
        known = {row.sku_id: row for row in lock_rows(SkuPrice.objects.filter(sku_id__in=list(prices)))}
        differing = {sku_id for sku_id, one in prices.items() if not _is_same(known.get(sku_id), one)}
        rows = [
            SkuPrice(sku_id=sku_id, **{name: getattr(prices[sku_id], name) for name in _FIELDS})
            for sku_id in sorted(differing)
        ]
        # One statement inserts what is new and updates what is not, whoever was faster.
        SkuPrice.objects.bulk_create(
            rows,
            batch_size=_BATCH,
            update_conflicts=True,
            update_fields=[*_FIELDS, "updated_at"],
            unique_fields=["sku"],
        )
        if differing:
            marks.products_changed_by(lambda: product_numbers(differing))
    return differing


def _is_same(row: SkuPrice | None, prices: Prices) -> bool:
    return row is not None and all(getattr(row, name) == getattr(prices, name) for name in _FIELDS)
