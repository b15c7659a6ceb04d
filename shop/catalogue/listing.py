"""Lists of what is on sale: one statement each, whose cost does not grow with the catalogue.

A stretch of a list begins behind a place, never at a count of rows. A category is read shelf by shelf, each by its own
index, and the shelves' beginnings are merged: so neither its size nor that of the catalogue matters. Lists with words
stand in ``finding``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from django.db import connection

from shop.catalogue.finding import COLUMNS, SHELVES, SHOWN, Question, by_age, by_figure, by_relevance, params_of

# Every order ends with the key, in one direction throughout: a place is then compared as one row, by one index.
ORDERS = {
    "newest": ("-pk",),
    "sold": ("-sold_count", "-pk"),
    "price_low": ("min_retail_fen", "pk"),
    "price_high": ("-min_retail_fen", "-pk"),
}
# What fits a question best; of a question alone.
RELEVANCE = ("-relevance", "-pk")

# One piece travels free to every place its price list names, and there is at least one. Freight stands a row above, too.
_IS_DELIVERED_FREE = """ AND EXISTS (
    SELECT FROM freight_freighttemplate t
    WHERE t.id = coalesce(
            (SELECT f.template_id FROM freight_productfreight f WHERE f.product_id = p.id),
            (SELECT d.id FROM freight_freighttemplate d WHERE d.supplier_id = p.supplier_id AND d.is_default))
      AND EXISTS (SELECT FROM freight_freightrule r WHERE r.template_id = t.id AND r.is_deliverable)
      AND NOT EXISTS (
        SELECT FROM freight_freightrule r
        WHERE r.template_id = t.id AND r.is_deliverable AND coalesce(r.free_above_fen > p.min_retail_fen, true)
          AND (r.first_fen > 0 OR (r.continued_fen > 0 AND t.basis <> 'piece'))))"""
# Stock stands a row above; its table is asked by name, as its counts are written here by name.
IN_STOCK = """EXISTS (
    SELECT FROM catalogue_sku k JOIN stock_stockitem i ON i.sku_id = k.id
    WHERE k.product_id = p.id AND k.is_active AND i.on_hand > 0)"""


class Listed(NamedTuple):
    """What a list shows of a product, by the names of its fields; making whole products of the rows took longer than asking."""

    id: int
    number: str
    title: str
    subtitle: str
    min_retail_fen: int
    compare_at_fen: int | None
    sold_count: int
    cover: dict[str, Any] | None
    relevance: int = 0

    @property
    def pk(self) -> int:
        """The same as ``id``, as products have it."""
        return self.id


@dataclass(frozen=True, slots=True)
class Wish:
    """What a list is about; nothing: all of it.

    A category with all below it; words as they were typed, and ``ways`` to read them, one of which a product must
    answer in full (``rules.questions``); a supplier; prices in fen, both included; what can be had now; what costs
    nothing to deliver; one not to show.
    """

    category_id: int | None = None
    words: str = ""
    ways: tuple[tuple[str, ...], ...] | None = None
    supplier_id: int | None = None
    low_fen: int | None = None
    high_fen: int | None = None
    in_stock: bool = False
    is_delivered_free: bool = False
    but_id: int | None = None


def products_on_sale(
    wish: Wish, *, order: Sequence[str] = ("-pk",), place: Sequence[Any] | None = None, limit: int
) -> list[Listed]:
    """Return at most ``limit`` products with what lists show of them, behind ``place`` if one is given.

    ``order`` is one of ``ORDERS`` or its reverse, or ``RELEVANCE`` where the wish has words; ``place`` holds the
    values of its fields. By relevance each product has its ``relevance``.
    """
    if wish.ways == ():
        return []
    is_down = order[-1].startswith("-")
    fields = ["id" if name.lstrip("-") == "pk" else name.lstrip("-") for name in order]
    assert set(fields) <= {"id", "sold_count", "min_retail_fen", "relevance"}, "only these are put into a statement"
    params: dict[str, Any] = {"limit": limit}
    behind = ""
    if place is not None:
        names = ", ".join(f"p.{field}" for field in fields)
        values = ", ".join(f"%(place{number})s" for number in range(len(fields)))
        behind = f" AND ({names}) {'<' if is_down else '>'} ({values})"
        params |= {f"place{number}": value for number, value in enumerate(place)}
    sorting = ", ".join(f"p.{field} {'DESC' if is_down else 'ASC'}" for field in fields)
    passes = _conditions(wish, params)
    if wish.ways:
        found = _with_words(wish, wish.ways, fields, params, passes, behind, sorting, is_down=is_down)
    else:
        found = f"SELECT {COLUMNS} FROM catalogue_product p WHERE {SHOWN}{passes}{behind}"  # noqa: S608 - constants
        if wish.category_id is not None:
            # A stretch of one shelf, in the order of shelves first, can be read from the shelf's own index alone. Of "=" it
            # knows that the shelf adds nothing to the order, and would look for the goods of an empty one among all.
            shelf_first = "ASC" if is_down != ("min_retail_fen" in fields) else "DESC"
            shelf = f"p.category_id BETWEEN shelf.id AND shelf.id ORDER BY p.category_id {shelf_first}"
            of_shelf = f"{found} AND {shelf}, {sorting} LIMIT %(limit)s"
            found = f"SELECT p.* FROM {SHELVES} CROSS JOIN LATERAL ({of_shelf}) p"  # noqa: S608 - constants
    with connection.cursor() as cursor:
        cursor.execute(f"{found} ORDER BY {sorting} LIMIT %(limit)s", params)
        return [_listed(row) for row in cursor.fetchall()]


def _with_words(
    wish: Wish,
    ways: Sequence[Sequence[str]],
    fields: Sequence[str],
    params: dict[str, Any],
    passes: str,
    behind: str,
    sorting: str,
    *,
    is_down: bool,
) -> str:
    params |= params_of(ways)
    if wish.category_id is not None:
        passes += f" AND p.category_id = ANY (ARRAY(SELECT shelf.id FROM {SHELVES}))"  # noqa: S608 - constants
    of_relevance = "relevance" in fields
    asked = Question(
        ways=len(ways),
        prices=_prices(wish, params),
        passes=passes,
        behind="" if of_relevance else behind,
        sorting="p.id DESC" if of_relevance else sorting,
        place=None if of_relevance else params.get("place0"),
        is_down=is_down or of_relevance,
        has_shelf=wish.category_id is not None,
        has_supplier=wish.supplier_id is not None,
    )
    if of_relevance:
        # A word of letters counts in a name where a word of it begins: "chair" is not in "armchair".
        words = wish.words.lower()
        params["words"] = f" {words}" if words.isascii() else words
        return by_relevance(asked) + behind
    if fields == ["id"]:
        return by_age(asked)
    return by_figure(asked, is_of_prices="min_retail_fen" in fields)


def _listed(row: tuple[Any, ...]) -> Listed:
    *facts, cover = row[:8]
    return Listed._make((*facts, orjson.loads(cover) if cover else None, row[8] if len(row) > 8 else 0))


def _conditions(wish: Wish, params: dict[str, Any]) -> str:
    params |= {"category": wish.category_id, "but": wish.but_id, "supplier": wish.supplier_id}
    told = _prices(wish, params)
    told += " AND p.id <> %(but)s" if wish.but_id is not None else ""
    told += " AND p.supplier_id = %(supplier)s" if wish.supplier_id is not None else ""
    return told + (f" AND {IN_STOCK}" if wish.in_stock else "") + (_IS_DELIVERED_FREE if wish.is_delivered_free else "")


def _prices(wish: Wish, params: dict[str, Any]) -> str:
    params |= {"low": wish.low_fen, "high": wish.high_fen}
    told = " AND p.min_retail_fen >= %(low)s" if wish.low_fen is not None else ""
    return told + (" AND p.min_retail_fen <= %(high)s" if wish.high_fen is not None else "")
