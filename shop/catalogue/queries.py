"""What can be asked about the catalogue. Lists that anybody sees stand in ``catalogue.listing``."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils.translation import gettext_lazy as _

from shop.base.errors import NotFound
from shop.catalogue.models import Category, Product, ProductImage, SearchTokens, Sku
from shop.catalogue.rules import query_tokens
from shop.catalogue.states import ProductState
from shop.suppliers.models import Supplier
from shop.suppliers.states import SupplierState


@dataclass(frozen=True)
class CategoryNode:
    """A category and those below it, in the order shelves show them."""

    category: Category
    below: tuple["CategoryNode", ...]


def on_sale_products() -> QuerySet[Product]:
    """Return what anybody can buy, without the long texts. Page it by ``pk``, newest first."""
    rows = Product.objects.filter(state=ProductState.ON_SALE, supplier__state=SupplierState.ACTIVE)
    return rows.defer("description_html", "search_text")


def search_products(text: str) -> QuerySet[Product]:
    """Return what is on sale and has every word of ``text`` (Chinese: every pair of characters)."""
    tokens = query_tokens(text)
    if not tokens:
        return Product.objects.none()
    return on_sale_products().alias(tokens=SearchTokens()).filter(tokens__contains=tokens)  # type: ignore[misc]


def product_for_sale(number: str) -> Product:
    """Return a product with its category's shelves and supplier, in one statement. Raises ``NotFound``.

    ``shown_pictures`` are the facts of its drawn pictures, as ``Product.cover`` has them.
    """
    rows = Product.objects.filter(number=number, state=ProductState.ON_SALE, supplier__state=SupplierState.ACTIVE)
    drawn = ProductImage.objects.filter(product=OuterRef("pk")).exclude(file="").order_by("position", "pk")
    facts = drawn.values(facts=JSONObject(file="file", width="width", height="height", alt="alt"))
    product = (
        rows.select_related("supplier", "category__parent__parent")
        .defer("search_text")
        .annotate(shown_pictures=ArraySubquery(facts))
        .first()
    )
    if product is None:
        raise NotFound(_("This product is not for sale. Have a look at the others."))
    return product


def products_of(supplier: Supplier) -> QuerySet[Product]:
    """Return everything of one supplier, newest first."""
    return Product.objects.filter(supplier=supplier).select_related("category").order_by("-pk")


def product_of(supplier: Supplier, number: str) -> Product:
    """Return a supplier's product in any state. Raises ``NotFound`` for another's."""
    product = products_of(supplier).filter(number=number).first()
    if product is None:
        raise NotFound(_("There is no such product."))
    return product


def skus_for_sale(numbers: Iterable[str]) -> dict[str, Sku]:
    """Return the buyable SKUs among these numbers, with product and supplier; one statement."""
    rows = Sku.objects.filter(
        number__in=list(numbers),
        is_active=True,
        product__state=ProductState.ON_SALE,
        supplier__state=SupplierState.ACTIVE,
    )
    return {sku.number: sku for sku in rows.select_related("product", "supplier")}


def product_numbers(sku_ids: Iterable[int]) -> list[str]:
    """Return the numbers of the products these SKUs belong to, in one statement."""
    rows = Product.objects.filter(skus__in=list(sku_ids)).values_list("number", flat=True)
    return list(rows.order_by().distinct())


def category_tree() -> list[CategoryNode]:
    """Return all categories as a tree, in one statement."""
    below: dict[int | None, list[Category]] = {}
    for category in Category.objects.order_by("position", "pk"):
        below.setdefault(category.parent_id, []).append(category)

    def nodes(parent_id: int | None) -> tuple[CategoryNode, ...]:
        return tuple(CategoryNode(one, nodes(one.pk)) for one in below.get(parent_id, ()))

    return list(nodes(None))


def category_by_code(code: str) -> Category:
    """Return a category. Raises ``NotFound`` (field ``category``)."""
    category = Category.objects.filter(code=code).first()
    if category is None:
        raise NotFound(_("There is no category with the code “%(code)s”.") % {"code": code}, field="category")
    return category
