"""Lists cost the same however long they are, and pages neither repeat nor hide what comes and goes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distributors.links.actions import create_link
from distributors.links.models import ShareLink
from distributors.payouts import actions as payouts
from distributors.stores.models import Store
from orders.flow import aftersale
from shop.catalogue.models import Product
from shop.notifications.actions import notify
from shop.stock.models import StockItem
from tests import world
from tests.asking import Caller, refused, told
from tests.distributors import sellers
from tests.orders import trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭白茶", pieces=1_000)


def queries(caller: Caller, path: str) -> tuple[int, int]:
    """Return how many statements a list takes and how many rows it tells."""
    with CaptureQueriesContext(connection) as seen:
        rows = told(caller.get(path))
    found = rows["results"] if isinstance(rows, dict) and "results" in rows else rows
    return len(seen), len(found)


def grown(caller: Caller, path: str, add: Callable[[int], None]) -> set[int]:
    """Return the counts of statements with 1, 3 and 30 rows."""
    counts, there = set(), 0
    caller.get(path)
    for rows in (1, 3, 30):
        for index in range(there, rows):
            add(index)
        there = rows
        count, found = queries(
            caller, f"{path}{'&' if '?' in path else '?'}page_size=100" if "?" in path or path.endswith("/") else path
        )
        assert found == rows, path
        counts.add(count)
    return counts


def test_products_and_a_stores_picks(tea: Product) -> None:
    store = world.ahe()
    nobody, ahe = Caller(), Caller(store.distributor.user)
    made: list[Product] = []

    def add(index: int) -> None:
        made.append(world.product(world.yunling(), f"茶 {index}", options=("小", "大")))
        world.own_price(store, made[-1], 9_800)

    tea.delete() if not StockItem.objects.exists() else Product.objects.filter(pk=tea.pk).update(state="off_sale")
    assert grown(nobody, f"stores/{store.code}/listings/", add) == {4}
    for path, expected in (("products/", 1), ("products/?category=tea", 2), ("products/?q=茶", 1)):
        assert queries(nobody, f"{path}{'&' if '?' in path else '?'}page_size=1")[0] == expected, path
        assert queries(nobody, f"{path}{'&' if '?' in path else '?'}page_size=100") == (expected, 30), path
    for size, rows in ((1, 1), (3, 3), (100, 30)):
        assert queries(ahe, f"me/store/listings/?page_size={size}") == (7, rows)


def test_orders_and_cases(tea: Product) -> None:
    store, su = world.ahe(), world.customer()
    world.led_by(store, su)
    phone, seller = Caller(su), Caller(store.distributor.user)
    placed = []

    def add(_index: int) -> None:
        order = world.place(su, [(tea, 1, store)])
        trade.pay(order)
        trade.ship(order)
        placed.append(order)
        aftersale.open_aftersale(
            user=su, order_number=order.number, line=1, kind="refund_only", reason="other", quantity=1, now=world.now()
        )

    assert grown(phone, "orders/", add) == {5}
    for size, rows in ((1, 1), (3, 3), (100, 30)):
        assert queries(phone, f"aftersales/?page_size={size}") == (2, rows)
        assert queries(seller, f"me/store/orders/?page_size={size}") == (4, rows)
    number = placed[0].number
    assert queries(phone, f"orders/{number}/payments/") == (3, 1)


def test_commissions_statements_and_withdrawals() -> None:
    store = sellers.rich(fen=100_000)
    ahe = Caller(store.distributor.user)
    sold = [sellers.sold(store) for _ in range(29)]
    for number in sold:
        sellers.settle(number)
    for size, rows in ((1, 1), (3, 3), (100, 30)):
        assert queries(ahe, f"me/store/commissions/?page_size={size}") == (3, rows)
        assert queries(ahe, f"me/store/statement/?page_size={size}") == (3, rows)
    before = world.now() - timedelta(days=31)
    for day in range(30):
        payouts.request(store=store, amount_fen=100, now=before + timedelta(days=day + 1))
    for size, rows in ((1, 1), (3, 3), (100, 30)):
        assert queries(ahe, f"me/store/withdrawals/?page_size={size}") == (3, rows)


def test_links_messages_and_addresses() -> None:
    store = world.ahe()
    user = store.distributor.user
    ahe = Caller(user)

    def add(index: int) -> None:
        create_link(store=store, target=ShareLink.Target.STORE, label=f"群 {index}", now=world.now())

    assert grown(ahe, "me/store/links/", add) == {3}
    already = len(told(ahe.get("me/notifications/?page_size=100"))["results"])
    for _index in range(30 - already):
        notify(user_id=user.pk, kind="order_paid", facts={"order": "O1", "amount_fen": 1}, at=world.now())
    for size, rows in ((1, 1), (3, 3), (100, 30)):
        assert queries(ahe, f"me/notifications/?page_size={size}") == (2, rows)
    for index in range(30):
        world.places()
        world.save_address(
            user=user,
            number=None,
            name="阿禾",
            phone=user.phone,
            region_code=world.XIHU,
            region_names="浙江省 杭州市 西湖区",
            detail=f"{index} 号",
            is_default=False,
        )
        if index in (0, 2, 29):
            assert queries(ahe, "me/addresses/") == (2, index + 1)


def test_the_cart(tea: Product) -> None:
    su = Caller(world.person("苏 Su"), visitor="su-phone-0123456789")
    counts, there = set(), 0
    for rows in (1, 3, 30):
        for index in range(there, rows):
            goods = world.product(world.yunling(), f"茶 {index}")
            told(su.post("cart/lines/", {"sku": world.sku_of(goods).number}), 201)
        there = rows
        with CaptureQueriesContext(connection) as seen:
            assert told(su.get("cart/"))["piece_count"] == rows
        counts.add(len(seen))
    assert counts == {4}


# --- pages ----------------------------------------------------------------------------------------


def shelf(count: int) -> list[Product]:
    """Return products that tie in everything but their place."""
    return [world.product(world.yunling(), f"茶 {index}", retail_fen=9_800) for index in range(count)]


def in_order(made: list[Product], sort: str) -> list[str]:
    """Return the numbers as a list has them: the cheapest come oldest first, all else newest first."""
    numbers = [product.number for product in made]
    return numbers if sort == "price_low" else numbers[::-1]


def walk(caller: Caller, path: str, direction: str = "next") -> list[list[str]]:
    pages, url = [], path
    while url:
        page = told(caller.get(url))
        pages.append([row["number"] for row in page["results"]])
        url = page[direction]
    return pages


@pytest.mark.parametrize("sort", ["newest", "sold", "price_low", "price_high"])
def test_pages_go_forward_and_back(sort: str) -> None:
    numbers = in_order(shelf(7), sort)
    nobody = Caller()
    path = f"products/?sort={sort}&page_size=3"
    pages = walk(nobody, path)
    assert pages == [numbers[:3], numbers[3:6], numbers[6:]]
    second = told(nobody.get(told(nobody.get(path))["next"]))
    last = told(nobody.get(second["next"]))
    assert (last["next"], told(nobody.get(path))["previous"]) == (None, None)
    back = told(nobody.get(last["previous"]))
    assert [row["number"] for row in back["results"]] == numbers[3:6]
    first = told(nobody.get(back["previous"]))
    assert ([row["number"] for row in first["results"]], first["previous"]) == (numbers[:3], None)


@pytest.mark.parametrize("sort", ["newest", "sold", "price_low", "price_high"])
def test_what_comes_and_goes_neither_repeats_nor_hides(sort: str) -> None:
    numbers = in_order(shelf(6), sort)
    nobody = Caller()
    first = told(nobody.get(f"products/?sort={sort}&page_size=2"))
    # It comes before all that is behind the cursor.
    world.product(world.yunling(), "后来的茶", retail_fen=9_700 if sort == "price_low" else 9_800)
    # The row the cursor stands on goes away.
    Product.objects.filter(number=numbers[1]).update(state="off_sale")
    assert walk(nobody, first["next"]) == [numbers[2:4], numbers[4:]]


def test_a_cursor_fits_its_own_list_alone() -> None:
    shelf(3)
    store: Store = world.ahe()
    ahe = Caller(store.distributor.user)
    cursor = told(ahe.get("products/?page_size=1"))["next"].partition("cursor=")[2].partition("&")[0]
    for path in (
        "products/?sort=sold",
        "products/?q=茶",
        "orders/",
        "me/store/statement/",
        f"stores/{store.code}/listings/",
    ):
        glue = "&" if "?" in path else "?"
        refused(ahe.get(f"{path}{glue}cursor={cursor}"), 400, field="cursor")
    refused(ahe.get(f"products/?cursor={cursor[:-6]}AAAAAA"), 400, field="cursor")
    assert told(ahe.get(f"products/?page_size=2&cursor={cursor}"))["results"]


def test_a_cursor_tells_no_ids() -> None:
    made = shelf(3)
    cursor = told(Caller().get("products/?page_size=1"))["next"].partition("cursor=")[2]
    assert str(made[-1].pk) not in cursor.replace("%3D", "") or len(str(made[-1].pk)) < 4
    other = told(Caller().get("products/?page_size=1"))["next"].partition("cursor=")[2]
    assert cursor != other
