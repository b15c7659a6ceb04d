"""What can be asked about prices."""

from collections.abc import Iterable

from shop.pricing.models import SkuPrice
from shop.pricing.rules import Offer


def offers(sku_ids: Iterable[int]) -> dict[int, Offer]:
    """Return what these SKUs are offered at, by SKU id; one without a price is left out. One statement."""
    rows = SkuPrice.objects.filter(sku_id__in=list(sku_ids)).values_list(
        "sku_id", "supply_fen", "retail_fen", "floor_fen", "ceiling_fen"
    )
    return {
        sku_id: Offer(sku_id, supply_fen, retail_fen, floor_fen, ceiling_fen)
        for sku_id, supply_fen, retail_fen, floor_fen, ceiling_fen in rows
    }


def prices_of(sku_ids: Iterable[int]) -> dict[int, SkuPrice]:
    """Return the whole price rows, by SKU id, in one statement."""
    return {row.sku_id: row for row in SkuPrice.objects.filter(sku_id__in=list(sku_ids))}
