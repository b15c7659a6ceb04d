"""Placing an order: what is written, what is refused, and that nothing is half-written."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.checkout.cart import CartOwner, cart_of, put_in, select
from orders.checkout.items import Item
from orders.checkout.place import NotPlaceable, PriceChanged, place_order
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from shop.base.errors import Invalid, NotFound
from shop.catalogue.actions import set_sku_active, take_off_sale
from shop.stock.actions import OutOfStock
from shop.stock.models import Reservation, StockItem
from shop.suppliers.actions import suspend
from shop.work.models import Due
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def su():
    return world.customer("苏 Su")


@pytest.fixture
def tea():
    return world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)


@pytest.fixture
def oranges():
    fruit = world.category("fruit", "水果", return_days=0)
    return world.product(
        world.yangshan(), "阳山蜜桃", supply_fen=0, retail_fen=4_500, options=["5 斤", "10 斤"], on=fruit
    )


def place(user, items, **other):
    facts = {"address_number": world.address(user).number, "now": world.now()} | other
    return place_order(user=user, items=items, **facts)


def nothing_happened():
    return not (
        Order.objects.exists()
        or SupplierOrder.objects.exists()
        or OrderLine.objects.exists()
        or Reservation.objects.exists()
        or StockItem.objects.filter(reserved__gt=0).exists()
        or Due.objects.filter(what="order.expire").exists()
    )


def test_an_order_of_two_suppliers(su, tea, oranges):
    at = world.now()
    big = world.sku_of(oranges, "10 斤")

    order = world.place(su, [(tea, 2), (big, 3)], at=at, note="  请先打电话 ")

    order.refresh_from_db()
    # 2 × ¥98 + 3 × ¥45; ¥8 + ¥2 for two parcels' pieces, ¥8 + 2 × ¥2 for three.
    assert (order.goods_fen, order.discount_fen, order.freight_fen) == (19_600 + 13_500, 0, 1_000 + 1_200)
    assert order.payable_fen == 35_300
    assert (order.state, order.paid_fen, order.refunded_fen) == ("placed", 0, 0)
    assert (order.recipient_name, order.region_names) == ("苏 Su", "浙江省 杭州市 西湖区")
    assert order.note == "请先打电话"
    assert order.placed_at == at
    assert order.expires_at == at + timedelta(minutes=30)
    parts = list(order.supplier_orders.order_by("pk"))
    assert [(p.supplier.code, p.state, p.goods_fen, p.freight_fen, p.payable_fen) for p in parts] == [
        ("yunling", "waiting", 19_600, 1_000, 20_600),
        ("yangshan", "waiting", 13_500, 1_200, 14_700),
    ]
    white, peach = order.lines.order_by("line")
    assert (white.line, white.supplier_order, white.quantity, white.unit_fen) == (1, parts[0], 2, 9_800)
    assert (white.paid_fen, white.supplier_fen, white.pool_fen) == (19_600, 12_000, 7_600)
    assert (peach.line, peach.option_text, peach.paid_fen) == (2, "10 斤", 13_500)
    # By commission: the platform keeps 5 %, nobody sold it, the rest is the supplier's.
    assert (peach.supplier_fen, peach.pool_fen) == (13_500 - 675, 675)
    assert (white.return_days, peach.return_days) == (7, 0)
    assert (white.store, white.level1_fen, white.credit_reason) == (None, 0, "none")
    assert world.on_hand(tea) == 98
    assert world.on_hand(big) == 97
    assert Due.objects.get(what="order.expire").subject == order.number


def test_copies_outlive_what_they_copied(su, tea):
    order = world.place(su, [(tea, 1)])
    world.price(world.sku_of(tea), supply_fen=7_000, retail_fen=12_000)
    type(tea).objects.filter(pk=tea.pk).update(title="别的茶")

    line = order.lines.get()
    assert (line.title, line.unit_fen, line.supplier_fen) == ("云岭白茶", 9_800, 6_000)


@pytest.mark.parametrize("quantity", [0, -1, -999, 1_000, 10**9, 2**63, 1.5, 1.0, "2", True, None, float("nan")])
def test_odd_quantities_are_refused(su, tea, quantity):
    sku = world.sku_of(tea).number

    with pytest.raises(Invalid) as refusal:
        place(su, [Item(sku, 1), Item(sku, quantity)])

    assert refusal.value.field == "items.1.quantity"
    assert nothing_happened()


def test_no_items_and_too_many_are_refused(su, tea):
    sku = world.sku_of(tea).number

    for items in ([], [Item(sku, 1)] * 101):
        with pytest.raises(Invalid) as refusal:
            place(su, items)
        assert refusal.value.field == "items"
    assert nothing_happened()


def test_another_ones_address_is_unknown(su, tea):
    zhou = world.customer("周 Zhou")

    for number in (world.address(zhou).number, "A0000000000000000", ""):
        with pytest.raises(NotFound) as refusal:
            place(su, world.items([(tea, 1)]), address_number=number)
        assert refusal.value.field == "address_number"
    assert nothing_happened()


def test_an_unknown_sku_is_named(su, tea):
    with pytest.raises(NotFound) as refusal:
        place(su, [*world.items([(tea, 1)]), Item("kNoSuchThing1", 1)])

    assert refusal.value.field == "items.1.sku_number"
    assert nothing_happened()


def test_a_price_cannot_be_sent_along(su, tea):
    with pytest.raises(TypeError):
        Item(world.sku_of(tea).number, 1, unit_fen=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        place(su, world.items([(tea, 1)]), payable_fen=1)

    assert nothing_happened()


def test_the_sum_the_customer_saw_must_still_hold(su, tea):
    seen_fen = 9_800 + 800
    world.price(world.sku_of(tea), supply_fen=6_000, retail_fen=9_900)

    with pytest.raises(PriceChanged) as refusal:
        place(su, world.items([(tea, 1)]), expected_payable_fen=seen_fen)

    assert refusal.value.code == "price_changed"
    assert refusal.value.extra == {"payable_fen": 10_700, "expected_payable_fen": 10_600}
    assert nothing_happened()
    assert place(su, world.items([(tea, 1)]), expected_payable_fen=10_700).payable_fen == 10_700


def _off_sale(tea):
    take_off_sale(product=tea, actor=world.STAFF, at=world.now())


def _supplier_suspended(tea):
    suspend(supplier=tea.supplier, actor=world.STAFF, at=world.now(), reason="papers ended")


def _sku_inactive(tea):
    set_sku_active(sku=world.sku_of(tea), is_active=False)


@pytest.mark.parametrize("happens", [_off_sale, _supplier_suspended, _sku_inactive])
def test_what_is_not_on_sale_cannot_be_bought(su, tea, oranges, happens):
    happens(tea)

    with pytest.raises(NotPlaceable) as refusal:
        place(su, world.items([(oranges, 1), (tea, 1)]))

    assert refusal.value.code == "off_sale"
    assert [p["sku"] for p in refusal.value.extra["problems"]] == [world.sku_of(tea).number]
    assert "云岭白茶" in str(refusal.value)
    assert nothing_happened()


def test_a_region_nobody_delivers_to(su, tea):
    with pytest.raises(NotPlaceable) as refusal:
        world.place(su, [(tea, 1)], region_code=world.LHASA)

    assert refusal.value.code == "not_deliverable"
    assert "云岭茶业" in str(refusal.value)
    assert nothing_happened()


def test_two_lines_of_one_sku_share_its_last_piece(su):
    last = world.product(world.yunling(), "孤品老茶", pieces=1)

    with pytest.raises(OutOfStock) as refusal:
        world.place(su, [(last, 1), (last, 1)])

    assert refusal.value.code == "out_of_stock"
    assert nothing_happened()
    assert world.on_hand(last) == 1
    assert world.place(su, [(last, 1)]).lines.get().quantity == 1
    assert world.on_hand(last) == 0


def test_two_lines_of_one_sku_are_two_lines(su, tea):
    order = world.place(su, [(tea, 1), (tea, 2)])

    assert list(order.lines.order_by("line").values_list("line", "quantity")) == [(1, 1), (2, 2)]
    assert Reservation.objects.get().quantity == 3


def test_more_than_is_left_names_what_is_left(su):
    few = world.product(world.yunling(), "明前龙井", pieces=3)

    with pytest.raises(OutOfStock) as refusal:
        world.place(su, [(few, 5)])

    assert refusal.value.extra["skus"][0]["left"] == 3
    assert "3" in str(refusal.value)
    assert nothing_happened()


@pytest.mark.parametrize("note", ["x" * 201, "a\x00b"])
def test_a_note_that_cannot_be_kept(su, tea, note):
    with pytest.raises(Invalid) as refusal:
        place(su, world.items([(tea, 1)]), note=note)

    assert refusal.value.field == "note"
    assert nothing_happened()


def test_what_was_bought_leaves_the_cart_and_the_rest_stays(su, tea, oranges):
    owner, now = CartOwner(user=su), world.now()
    small, big = world.sku_of(oranges, "5 斤"), world.sku_of(oranges, "10 斤")
    for sku, quantity in ((world.sku_of(tea), 2), (small, 5), (big, 1)):
        put_in(owner=owner, sku_number=sku.number, quantity=quantity, now=now)
    select(owner=owner, sku_number=big.number, selected=False, now=now)

    world.place(su, [(tea, 2), (small, 3), (big, 1)])

    left = {line.sku_id: line.quantity for line in cart_of(owner)}
    assert left == {small.pk: 2, big.pk: 1}


def test_statements_do_not_grow_with_the_lines(su):
    yunling, yangshan = world.yunling(), world.yangshan()
    goods = [
        world.product(yunling if place % 2 else yangshan, f"茶 {place}", supply_fen=100, retail_fen=200)
        for place in range(30)
    ]
    store = world.ahe()
    world.rule(500, 100)
    world.led_by(store, su)
    counts = set()
    for lines in (2, 3, 30):
        items = world.items((one, 1, store) for one in goods[:lines])
        address = world.address(su).number
        with CaptureQueriesContext(connection) as queries:
            place_order(user=su, items=items, address_number=address, now=world.now())
        counts.add(len(queries))
    # One that reads and one that writes; the savepoint is the test's own transaction's.
    assert counts == {4}
