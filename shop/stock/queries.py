"""What can be asked about stock."""

from collections.abc import Iterable

from django.db.models import QuerySet

from shop.stock.models import Reservation, StockItem, StockMovement


def available(sku_ids: Iterable[int]) -> dict[int, int]:
    """Return how many pieces of each SKU can be bought now; 0 for one without stock. One statement."""
    ids = list(sku_ids)
    left = dict.fromkeys(ids, 0)
    left.update(StockItem.objects.filter(sku_id__in=ids).values_list("sku_id", "on_hand"))
    return left


def reservations_of(reference: str) -> QuerySet[Reservation]:
    """Return what was ever held for an order, by SKU."""
    return Reservation.objects.filter(reference=reference).order_by("sku_id", "pk")


def movements_of(sku_id: int) -> QuerySet[StockMovement]:
    """Return the movements of one SKU, the newest first."""
    return StockMovement.objects.filter(sku_id=sku_id).order_by("-pk")


def last_counts(sku_ids: Iterable[int], *, prefix: str) -> dict[int, str]:
    """Return each SKU's newest movement reference that begins with ``prefix``; one statement."""
    rows = (
        StockMovement.objects.filter(sku_id__in=list(sku_ids), reference__startswith=prefix)
        .order_by("sku_id", "-pk")
        .distinct("sku_id")
    )
    return dict(rows.values_list("sku_id", "reference"))
