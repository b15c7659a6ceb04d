"""What a distributor would earn per piece: the rules of now, applied as an order applies them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from distributors.commissions.queries import rates_for
from distributors.commissions.rules import NO_RATES, RuleFacts, split_line
from distributors.stores.models import Store
from shop.base.money import share_bp
from shop.catalogue.models import Category, Product, Sku
from shop.suppliers.models import Supplier


def earns_per_piece(store: Store, skus: Iterable[Sku], prices_fen: Mapping[int, int], now: datetime) -> dict[int, int]:
    """Return the level 1 share of one piece in fen, by SKU id, at these prices. One statement.

    ``skus`` come with their price, product, supplier and shelves (see :func:`skus_with_prices`). An
    estimate: an order keeps the rates of its own moment.
    """
    found = list(skus)
    facts = [
        RuleFacts(
            line=sku.pk,
            sku_number=sku.number,
            product_number=sku.product.number,
            category_codes=_shelves(sku.product),
            supplier_code=sku.product.supplier.code,
            grade=store.distributor.grade,
        )
        for sku in found
    ]
    rates = rates_for(facts, now)
    earned = {}
    for sku in found:
        paid_fen = prices_fen.get(sku.pk, sku.price.retail_fen)
        supplier = sku.product.supplier
        by_commission = supplier.contract == Supplier.Contract.COMMISSION
        kept_fen = share_bp(paid_fen, supplier.fee_bp) if by_commission else sku.price.supply_fen
        split = split_line(
            paid_fen=paid_fen,
            supplier_fen=kept_fen,
            rates=rates.get(sku.pk, NO_RATES),
            has_level1=True,
            has_level2=False,
        )
        earned[sku.pk] = split.level1_fen
    return earned


def skus_with_prices(product_ids: Iterable[int]) -> list[Sku]:
    """Return the buyable SKUs of these products with all that their earnings depend on; one statement."""
    rows = Sku.objects.filter(product_id__in=list(product_ids), is_active=True, price__isnull=False)
    return list(
        rows.select_related("price", "product__supplier", "product__category__parent__parent").order_by(
            "product_id", "position", "pk"
        )
    )


def _shelves(product: Product) -> tuple[str, ...]:
    codes: list[str] = []
    shelf: Category | None = product.category
    while shelf is not None and len(codes) < 3:
        codes.append(shelf.code)
        shelf = shelf.parent
    return tuple(codes)
