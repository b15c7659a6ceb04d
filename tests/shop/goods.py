"""Goods for tests: an orchard that supplies, its pears, a workshop next door."""

from collections.abc import Sequence
from datetime import UTC, datetime

from shop.catalogue.actions import approve_product, create_product, submit_for_review
from shop.catalogue.models import Category, Product, Sku
from shop.catalogue.rules import SkuDraft
from shop.pricing.actions import set_price
from shop.stock.actions import receive
from shop.suppliers import actions as suppliers
from shop.suppliers.models import Supplier

NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)


def orchard(name: str = "青梨果园", code: str = "") -> Supplier:
    """An active supplier."""
    supplier = suppliers.create(name=name, code=code)
    suppliers.approve(supplier=supplier, actor="system", at=NOON)
    return supplier


def shelf(code: str = "fruit", name: str = "水果") -> Category:
    return Category.objects.get_or_create(code=code, defaults={"name": name, "name_en": "Fruit"})[0]


def pears(
    supplier: Supplier,
    *,
    title: str = "砀山酥梨",
    sizes: Sequence[str] = (),
    retail_fen: int = 1990,
    pieces: int = 0,
    on_sale: bool = False,
) -> Product:
    """A product with one SKU, or one for each size, priced and in stock."""
    product = create_product(
        supplier=supplier,
        category=shelf(),
        title=title,
        option_names=("规格",) if sizes else (),
        skus=[SkuDraft((size,)) for size in sizes] or [SkuDraft()],
        actor="system",
        at=NOON,
    )
    for sku in product.skus.all():
        set_price(sku=sku, supply_fen=retail_fen * 7 // 10, retail_fen=retail_fen)
        if pieces:
            receive(sku=sku, quantity=pieces, reference="first delivery", at=NOON)
    product.refresh_from_db()
    if on_sale:
        submit_for_review(product=product, actor="system", at=NOON)
        approve_product(product=product, actor="system", at=NOON)
    return product


def only_sku(product: Product) -> Sku:
    return product.skus.get()
