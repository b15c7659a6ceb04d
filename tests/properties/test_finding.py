"""Lists with words answer step by step, and what plainly reading everything answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shop.catalogue import finding
from shop.catalogue.listing import ORDERS, RELEVANCE, Wish, products_on_sale
from shop.catalogue.models import Product, Sku
from shop.catalogue.states import ProductState
from shop.stock.models import StockItem
from shop.suppliers.models import Supplier
from shop.suppliers.states import SupplierState
from tests import world

pytestmark = pytest.mark.django_db

# So small that each step is reached by sixty products.
SMALL = {"WALK": 5, "LONG_WALK": 12, "STRETCHES": 3, "FREQUENT": 3, "FEW": 6, "BEST": 7, "ENOUGH": 8}
STRETCH = 16_384
WORDS = {"茶": 0.9, "白茶": 0.5, "红茶": 0.25, "陈": 0.1, "孤": 0.03}


@dataclass(frozen=True)
class Goods:
    """A product as the plain side knows it."""

    pk: int
    title: str
    words: frozenset[str]
    shelf: int
    supplier: int
    sold: int
    price: int
    in_stock: bool
    is_on_sale: bool
    is_shown: bool


@pytest.fixture(params=["", "hashjoin", "nestloop"])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small steps; and whatever way PostgreSQL joins, for its statistics decide that, the rows are the same."""
    for name, value in SMALL.items():
        monkeypatch.setattr(finding, name, value)
    if request.param:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL enable_{request.param} = off")


@pytest.fixture
def town() -> tuple[list[Goods], list[list[int]]]:
    """Sixty-four products on five stretches, some of a supplier who is away, some off sale; and the shelves below each shelf."""
    chance = Random("finding")
    top, far = world.category("drinks", "饮品"), world.category("far", "远")
    leaves = [world.create_category(code=f"leaf-{n}", name=f"叶 {n}", parent=top) for n in range(3)]
    suppliers = [world.yunling(), world.yangshan()]
    Supplier.objects.filter(pk=suppliers[1].pk).update(state=SupplierState.SUSPENDED)
    seen, rows, skus = [], [], []
    for number in range(64):
        pk = 10 * STRETCH + number // 13 * STRETCH + number % 13 * 400
        words = [word for word, often in WORDS.items() if chance.random() < often]
        supplier = suppliers[chance.random() < 0.1]
        shelf = chance.choice([*leaves, far])
        state = ProductState.ON_SALE if chance.random() < 0.9 else ProductState.OFF_SALE
        title = "".join(words) if chance.random() < 0.5 else "别的"
        sold, price = int(chance.random() ** 4 * 40), chance.choice([900, 1_000, 5_000, 9_000, 9_001])
        rows.append(
            Product(
                pk=pk, number=f"p{number}", handle=f"h{number}", title=title, supplier=supplier, category=shelf, state=state,
                sold_count=sold, min_retail_fen=price, search_text=" ".join(words),
            )
        )  # fmt: skip
        skus.append(Sku(number=f"k{number}", product_id=pk, supplier=supplier))
        seen.append(
            Goods(
                pk, title, frozenset(words), shelf.pk, supplier.pk, sold, price, chance.random() < 0.6, state == ProductState.ON_SALE,
                state == ProductState.ON_SALE and supplier == suppliers[0],
            )
        )  # fmt: skip
    Product.objects.bulk_create(rows)
    stocked = zip(Sku.objects.bulk_create(skus), seen, strict=True)
    StockItem.objects.bulk_create(
        StockItem(sku=sku, received=int(one.in_stock), on_hand=int(one.in_stock)) for sku, one in stocked
    )
    below = [[top.pk, *(leaf.pk for leaf in leaves)], [far.pk], *([leaf.pk] for leaf in leaves)]
    return seen, below


def passing(seen: Sequence[Goods], wish: Wish, below: list[list[int]]) -> list[Goods]:
    shelves = next((each for each in below if each[0] == wish.category_id), None)
    return [
        one
        for one in seen
        if one.is_shown
        and any(set(way) <= one.words for way in wish.ways or ())
        and (shelves is None or one.shelf in shelves)
        and (wish.supplier_id is None or one.supplier == wish.supplier_id)
        and (wish.low_fen is None or one.price >= wish.low_fen)
        and (wish.high_fen is None or one.price <= wish.high_fen)
        and (one.in_stock or not wish.in_stock)
        and one.pk != wish.but_id
    ]


def weighed(one: Goods, wish: Wish) -> int:
    assert wish.ways
    in_title = {0: 0, 1: 3_000, 2: 3_000}.get(f" {one.title}".find(wish.words) + 1, 2_000)
    return in_title + 1_000 * (set(wish.ways[0]) <= one.words) + round(min(500, 50 * math.log(1 + one.sold)))


def plainly(seen: Sequence[Goods], wish: Wish, below: list[list[int]], order: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the places of a whole list, by reading all there is."""
    found = passing(seen, wish, below)
    if order == RELEVANCE:
        on_sale = sorted((one for one in seen if one.is_on_sale), key=lambda one: one.pk, reverse=True)
        best = sorted(on_sale, key=lambda one: one.sold, reverse=True)[: SMALL["BEST"]]
        newest = [one for one in on_sale[: SMALL["WALK"]] if one in found][: SMALL["ENOUGH"]]
        pool = {one for one in best if one in found} | set(newest)
        if len([one for one in best if one in found]) + len(newest) < SMALL["ENOUGH"]:
            pool |= set(sorted(found, key=lambda one: one.pk, reverse=True)[: SMALL["ENOUGH"]])
        return sorted(((weighed(one, wish), one.pk) for one in pool), reverse=True)
    read = {"pk": lambda one: one.pk, "sold_count": lambda one: one.sold, "min_retail_fen": lambda one: one.price}
    places = [tuple(read[name.lstrip("-")](one) for name in order) for one in found]
    return sorted(places, reverse=order[-1].startswith("-"))


@given(data=st.data())
@examples(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_step_by_step_is_what_reading_all_finds(
    small: None, town: tuple[list[Goods], list[list[int]]], data: st.DataObject
) -> None:
    seen, below = town
    way = st.lists(st.sampled_from([*WORDS, "无"]), min_size=1, max_size=2, unique=True).map(tuple)
    ways = data.draw(st.lists(way, min_size=1, max_size=2, unique=True))
    perhaps = data.draw(st.lists(st.sampled_from(["shelf", "supplier", "low", "high", "stock", "but"]), max_size=2))
    wish = Wish(
        words=ways[0][0],
        ways=tuple(ways),
        category_id=data.draw(st.sampled_from(below))[0] if "shelf" in perhaps else None,
        supplier_id=data.draw(st.sampled_from(seen)).supplier if "supplier" in perhaps else None,
        low_fen=data.draw(st.sampled_from([1_000, 9_001])) if "low" in perhaps else None,
        high_fen=data.draw(st.sampled_from([900, 9_000])) if "high" in perhaps else None,
        in_stock="stock" in perhaps,
        but_id=seen[-1].pk if "but" in perhaps else None,
    )
    order = data.draw(st.sampled_from([RELEVANCE, *ORDERS.values()]))
    if order != RELEVANCE and data.draw(st.booleans()):
        order = tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)
    plain = plainly(seen, wish, below, order)
    begun = data.draw(st.integers(0, len(plain)))
    limit = data.draw(st.integers(1, 12))
    place = plain[begun - 1] if begun else None
    found = products_on_sale(wish, order=order, place=place, limit=limit)
    assert [tuple(getattr(one, name.lstrip("-")) for name in order) for one in found] == plain[begun : begun + limit]


def test_the_index_names_stretches_as_lists_do() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT catalogue_found_by('茶 白茶', %s, 17)", [3 * STRETCH + 5])
        assert cursor.fetchone() == (["茶", "白茶", "@17", "茶#3", "白茶#3", "@17#3"],)
        asked = finding.Question(1, "", "", "", "", 3 * STRETCH + 5, is_down=True, has_shelf=False, has_supplier=False)
        cursor.execute(f"SELECT number FROM {asked.stretches(9)}", {"place0": asked.place})
        assert cursor.fetchall() == [(3,), (2,), (1,), (0,)]
