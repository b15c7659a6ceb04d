"""Lists of what is on sale: one statement each, whose cost does not grow with the catalogue.

A stretch of a list begins behind a place, never at a count of rows. A category is read shelf by shelf, each by its own
index, and the shelves' beginnings are merged: so neither its size nor that of the catalogue matters. What fits a
question best is chosen from a bounded pool (``_POOL``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from django.db import connection

# Every order ends with the key, in one direction throughout: a place is then compared as one row, by one index.
ORDERS = {
    "newest": ("-pk",),
    "sold": ("-sold_count", "-pk"),
    "price_low": ("min_retail_fen", "pk"),
    "price_high": ("-min_retail_fen", "-pk"),
}
# What fits a question best; of a question alone.
RELEVANCE = ("-relevance", "-pk")

_COLUMNS = "p.id, p.number, p.title, p.subtitle, p.min_retail_fen, p.compare_at_fen, p.sold_count, p.cover"
_FROM = """
FROM catalogue_product p JOIN suppliers_supplier s ON s.id = p.supplier_id
WHERE p.state = 'on_sale' AND s.state = 'active'"""
# A list without words reads the beginning of an index. PostgreSQL knows little of a small table: of suppliers joined it
# guesses that hardly any goods are shown, and sorts a whole shelf instead. Of a CASE it guesses one half, whatever there is.
_FROM_THE_BEGINNING = """
FROM catalogue_product p
WHERE p.state = 'on_sale'
  AND CASE WHEN p.supplier_id = ANY (ARRAY(SELECT id FROM suppliers_supplier WHERE state <> 'active'))
      THEN false ELSE true END"""
_SHELVES = """(
    SELECT id FROM catalogue_category
    WHERE id = %(category)s OR parent_id = %(category)s
       OR parent_id IN (SELECT id FROM catalogue_category WHERE parent_id = %(category)s)
) shelf"""
# Stock stands a row above; its table is asked by name, as its counts are written here by name.
_IN_STOCK = """ AND EXISTS (
    SELECT FROM catalogue_sku k JOIN stock_stockitem i ON i.sku_id = k.id
    WHERE k.product_id = p.id AND k.is_active AND i.on_hand > 0)"""
# A rare word's products are all in the pool. Of a frequent one, however many there are, some hundreds are, with those
# among the best-selling and the newest: reading and weighing them all would cost what the catalogue is large.
_POOL_MAX, _BEST_MAX = 600, 300
_SCORE = """(
    CASE position(%(words)s IN ' ' || lower(p.title)) WHEN 0 THEN 0 WHEN 1 THEN 3000 WHEN 2 THEN 3000 ELSE 2000 END
    + CASE WHEN string_to_array(p.search_text, ' ') @> %(tokens0)s THEN 1000 ELSE 0 END
    + least(500, 50 * ln(1 + p.sold_count))::int
)"""


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
    answer in full (``rules.questions``); a supplier; prices in fen, both included; what can be had now; one not to
    show.
    """

    category_id: int | None = None
    words: str = ""
    ways: tuple[tuple[str, ...], ...] | None = None
    supplier_id: int | None = None
    low_fen: int | None = None
    high_fen: int | None = None
    in_stock: bool = False
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
    conditions = _conditions(wish, params)
    behind = ""
    if place is not None:
        names = ", ".join(f"p.{field}" for field in fields)
        values = ", ".join(f"%(place{number})s" for number in range(len(fields)))
        behind = f" AND ({names}) {'<' if is_down else '>'} ({values})"
        params |= {f"place{number}": value for number, value in enumerate(place)}
    sorting = ", ".join(f"p.{field} {'DESC' if is_down else 'ASC'}" for field in fields) + " LIMIT %(limit)s"
    if "relevance" in fields:
        found = _by_relevance(wish, conditions, params) + behind
    else:
        found = f"SELECT {_COLUMNS} {_FROM if wish.ways else _FROM_THE_BEGINNING}{conditions}{behind}"
        if wish.category_id is not None:
            # A stretch of one shelf, in the order of shelves first, can be read from the shelf's own index alone. Of "=" it
            # knows that the shelf adds nothing to the order, and would look for the goods of an empty one among all.
            shelf_first = "ASC" if is_down != ("min_retail_fen" in fields) else "DESC"
            of_shelf = f"{found} AND p.category_id BETWEEN shelf.id AND shelf.id ORDER BY p.category_id {shelf_first}, {sorting}"
            found = f"SELECT p.* FROM {_SHELVES} CROSS JOIN LATERAL ({of_shelf}) p"  # noqa: S608 - constants above
    with connection.cursor() as cursor:
        cursor.execute(f"{found} ORDER BY {sorting}", params)
        return [_listed(row) for row in cursor.fetchall()]


def _listed(row: tuple[Any, ...]) -> Listed:
    *facts, cover = row[:8]
    return Listed._make((*facts, orjson.loads(cover) if cover else None, row[8] if len(row) > 8 else 0))


def _conditions(wish: Wish, params: dict[str, Any]) -> str:
    told = ""
    if wish.category_id is not None:
        params["category"] = wish.category_id
    if wish.ways is not None:
        params |= {f"tokens{number}": list(way) for number, way in enumerate(wish.ways)}
        asked = (f"string_to_array(p.search_text, ' ') @> %(tokens{number})s" for number in range(len(wish.ways)))
        told += f" AND ({' OR '.join(asked)})"
    for term, value in (
        ("p.id <> %(but)s", wish.but_id),
        ("p.supplier_id = %(supplier)s", wish.supplier_id),
        ("p.min_retail_fen >= %(low)s", wish.low_fen),
        ("p.min_retail_fen <= %(high)s", wish.high_fen),
    ):
        if value is not None:
            params[term[term.index("(") + 1 : -2]] = value
            told += f" AND {term}"
    return told + (_IN_STOCK if wish.in_stock else "")


def _by_relevance(wish: Wish, conditions: str, params: dict[str, Any]) -> str:
    """The products of the pool with how well each fits; as a table ``p`` that conditions and an order can follow."""
    # A word of letters counts in a name where a word of it begins: "chair" is not in "armchair".
    words = wish.words.lower()
    params |= {"words": f" {words}" if words.isascii() else words, "pool": _POOL_MAX, "best": _BEST_MAX}
    if wish.category_id is not None:
        conditions += f" AND p.category_id IN (SELECT shelf.id FROM {_SHELVES})"  # noqa: S608 - constants above
    from_best = "SELECT id FROM catalogue_product WHERE state = 'on_sale' ORDER BY {} LIMIT %(best)s"
    of_best = " UNION ".join(
        f"SELECT p.id {_FROM} AND p.id IN ({from_best.format(order)}){conditions}"
        for order in ("sold_count DESC, id DESC", "id DESC")
    )
    return f"""
WITH pool AS MATERIALIZED ((SELECT p.id {_FROM}{conditions} LIMIT %(pool)s) UNION {of_best})
SELECT * FROM (SELECT {_COLUMNS}, {_SCORE} AS relevance FROM pool JOIN catalogue_product p USING (id)) p
WHERE true"""  # noqa: S608 - of the constants above
