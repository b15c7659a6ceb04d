"""Lists of what is on sale: one statement each, whose cost does not grow with the catalogue.

A stretch of a list begins behind a place, never at a count of rows. A category is read shelf by shelf, each by its own
index, and the shelves' beginnings are merged: so neither its size nor that of the catalogue matters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shop.catalogue.models import Product

# Every order ends with the key, in one direction throughout: a place is then compared as one row, by one index.
ORDERS = {
    "newest": ("-pk",),
    "sold": ("-sold_count", "-pk"),
    "price_low": ("min_retail_fen", "pk"),
    "price_high": ("-min_retail_fen", "-pk"),
}

_COLUMNS = (
    "p.id, p.number, p.title, p.subtitle, p.category_id, p.supplier_id, p.state, "
    "p.min_retail_fen, p.compare_at_fen, p.sold_count, p.cover"
)
_FROM = """
FROM catalogue_product p JOIN suppliers_supplier s ON s.id = p.supplier_id
WHERE p.state = 'on_sale' AND s.state = 'active'"""
_SHELVES = """(
    SELECT id FROM catalogue_category
    WHERE id = %(category)s OR parent_id = %(category)s
       OR parent_id IN (SELECT id FROM catalogue_category WHERE parent_id = %(category)s)
) shelf"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a list is about: a category with all below it, words to find, goods not to show; nothing: all of it."""

    category_id: int | None = None
    tokens: tuple[str, ...] | None = None
    but_id: int | None = None


def products_on_sale(
    wish: Wish, *, order: Sequence[str] = ("-pk",), place: Sequence[Any] | None = None, limit: int
) -> list[Product]:
    """Return at most ``limit`` products with what lists show of them, behind ``place`` if one is given.

    ``order`` is one of ``ORDERS`` or its reverse; ``place`` holds the values of its fields.
    """
    if wish.tokens == ():
        return []
    is_down = order[-1].startswith("-")
    fields = ["id" if name.lstrip("-") == "pk" else name.lstrip("-") for name in order]
    assert set(fields) <= {"id", "sold_count", "min_retail_fen"}, "only these are put into a statement"
    params: dict[str, Any] = {"limit": limit}
    conditions = ""
    if wish.tokens is not None:
        conditions += " AND string_to_array(p.search_text, ' ') @> %(tokens)s"
        params["tokens"] = list(wish.tokens)
    if wish.but_id is not None:
        conditions += " AND p.id <> %(but)s"
        params["but"] = wish.but_id
    if place is not None:
        names = ", ".join(f"p.{field}" for field in fields)
        values = ", ".join(f"%(place{number})s" for number in range(len(fields)))
        conditions += f" AND ({names}) {'<' if is_down else '>'} ({values})"
        params |= {f"place{number}": value for number, value in enumerate(place)}
    sorting = ", ".join(f"p.{field} {'DESC' if is_down else 'ASC'}" for field in fields) + " LIMIT %(limit)s"
    found = f"SELECT {_COLUMNS} {_FROM}{conditions}"
    if wish.category_id is not None:
        params["category"] = wish.category_id
        of_shelf = f"{found} AND p.category_id = shelf.id ORDER BY {sorting}"
        found = f"SELECT p.* FROM {_SHELVES} CROSS JOIN LATERAL ({of_shelf}) p"  # noqa: S608 - of the constants above
    return list(Product.objects.raw(f"{found} ORDER BY {sorting}", params))
