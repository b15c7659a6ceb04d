"""Carts of people and of visitors: limits, what changed since, coming along at sign-in."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from orders.checkout import cart
from orders.checkout.cart import CartFull, CartOwner
from orders.checkout.items import Item
from orders.checkout.models import Cart, CartLine
from shop.base.errors import Conflict, DomainError, Invalid, NotFound
from shop.base.numbers import new_token
from shop.catalogue.actions import take_off_sale
from shop.stock.actions import OutOfStock
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def su():
    return CartOwner(user=world.customer("苏 Su"))


@pytest.fixture
def visitor():
    return CartOwner(visitor_key=new_token(32))


@pytest.fixture
def tea():
    return world.product(
        world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800, floor_fen=8_000, ceiling_fen=12_000
    )


def put(owner, goods, quantity=1, store=None):
    return cart.put_in(
        owner=owner,
        sku_number=world.sku_of(goods).number,
        quantity=quantity,
        store_code=store.code if store else "",
        now=world.now(),
    )


def contents(owner):
    return {line.sku.product.title: line.quantity for line in cart.cart_of(owner)}


def test_putting_in_adds_up(su, tea):
    assert put(su, tea, 2) == 2
    assert put(su, tea, 3) == 5
    assert contents(su) == {"云岭白茶": 5}
    assert cart.piece_count(su) == 5


def test_carts_of_different_people_and_visitors_are_apart(su, visitor, tea):
    zhou = CartOwner(user=world.customer("周 Zhou"))
    put(su, tea, 1)
    put(visitor, tea, 2)

    assert (contents(su), contents(visitor), contents(zhou)) == ({"云岭白茶": 1}, {"云岭白茶": 2}, {})
    with pytest.raises(NotFound):
        cart.set_quantity(owner=zhou, sku_number=world.sku_of(tea).number, quantity=2, now=world.now())


def test_a_visitor_without_a_key_has_no_cart(tea):
    nobody = CartOwner()

    assert cart.cart_view(nobody, now=world.now()).groups == ()
    with pytest.raises(Invalid) as refusal:
        put(nobody, tea)
    assert refusal.value.field == "visitor_key"
    assert not Cart.objects.exists()


def test_the_key_itself_is_not_kept(visitor, tea):
    put(visitor, tea)

    stored = Cart.objects.get()
    assert stored.visitor_hash == visitor.visitor_hash
    assert visitor.visitor_key not in str(stored.__dict__)


@pytest.mark.parametrize("quantity", [0, -1, 1_000, 10**9, 1.5, "2", True, None])
def test_odd_quantities_are_refused(su, tea, quantity):
    with pytest.raises(Invalid) as refusal:
        put(su, tea, quantity)

    assert refusal.value.field == "quantity"
    assert contents(su) == {}
    put(su, tea, 1)
    with pytest.raises(Invalid):
        cart.set_quantity(owner=su, sku_number=world.sku_of(tea).number, quantity=quantity, now=world.now())
    assert contents(su) == {"云岭白茶": 1}


def test_999_pieces_and_no_more(su):
    plenty = world.product(world.yunling(), "散茶", pieces=5_000)
    put(su, plenty, 999)

    with pytest.raises(CartFull) as refusal:
        put(su, plenty, 1)

    assert refusal.value.field == "quantity"
    assert contents(su) == {"散茶": 999}
    with pytest.raises(IntegrityError), transaction.atomic():
        CartLine.objects.update(quantity=1_000)


def test_100_goods_and_no_more(su):
    many = world.product(world.yunling(), "百味茶", options=[f"味 {place}" for place in range(101)])
    skus = list(many.skus.order_by("position"))
    for sku in skus[:100]:
        put(su, sku)

    with pytest.raises(CartFull) as refusal:
        put(su, skus[100])

    assert refusal.value.field == "sku_number"
    assert cart.cart_of(su).count() == 100
    # A further piece of what is there still fits.
    assert put(su, skus[0]) == 2


def test_putting_in_takes_two_statements(su, tea):
    store = world.ahe()
    for _again in range(2):
        sku = world.sku_of(tea).number
        with CaptureQueriesContext(connection) as queries:
            cart.put_in(owner=su, sku_number=sku, quantity=1, store_code=store.code, now=world.now())
        assert len(queries) == 2


def test_what_cannot_be_bought_does_not_go_in(su, tea):
    gone = world.product(world.yunling(), "去年的茶")
    take_off_sale(product=gone, actor=world.STAFF, at=world.now())
    empty = world.product(world.yunling(), "断货茶", pieces=0)

    with pytest.raises(Conflict) as off_sale:
        put(su, gone)
    with pytest.raises(OutOfStock):
        put(su, empty)
    with pytest.raises(OutOfStock) as too_many:
        put(su, tea, 101)
    with pytest.raises(NotFound) as unknown:
        cart.put_in(owner=su, sku_number="kNoSuchThing", quantity=1, now=world.now())

    assert off_sale.value.code == "off_sale"
    assert too_many.value.extra["skus"][0]["left"] == 100
    assert unknown.value.field == "sku_number"
    assert contents(su) == {}


def test_changing_choosing_and_taking_out(su, tea):
    store = world.ahe()
    put(su, tea, 2, store)
    sku = world.sku_of(tea).number

    cart.set_quantity(owner=su, sku_number=sku, quantity=7, now=world.now())
    assert cart.selected_items(su) == [Item(sku, 7, store.code)]
    cart.select(owner=su, sku_number=sku, selected=False, now=world.now())
    assert cart.selected_items(su) == []
    taken = cart.take_out(owner=su, sku_number=sku, now=world.now())

    assert (taken.sku_number, taken.quantity, taken.store_code) == (sku, 7, store.code)
    with pytest.raises(NotFound):
        cart.take_out(owner=su, sku_number=sku, now=world.now())
    cart.put_in(
        owner=su,
        sku_number=taken.sku_number,
        quantity=taken.quantity,
        store_code=taken.store_code,
        now=world.now(),
    )
    assert cart.selected_items(su) == [Item(sku, 7, store.code)]


def test_choosing_all_and_emptying(su, tea):
    put(su, tea)
    put(su, world.product(world.yangshan(), "阳山蜜桃"))

    assert cart.select_all(owner=su, selected=False, now=world.now()) == 2
    assert cart.selected_items(su) == []
    assert cart.clear(owner=su) == 2
    assert contents(su) == {}


def test_the_view_groups_by_supplier_and_says_what_changed(su, tea):
    peach = world.product(world.yangshan(), "阳山蜜桃", retail_fen=4_500, pieces=5)
    gone = world.product(world.yunling(), "去年的茶", retail_fen=5_000)
    put(su, tea, 2)
    put(su, peach, 5)
    put(su, gone)
    world.price(world.sku_of(tea), supply_fen=6_000, retail_fen=9_000)
    world.place(world.customer("周 Zhou"), [(peach, 2)])
    take_off_sale(product=gone, actor=world.STAFF, at=world.now())

    view = cart.cart_view(su, now=world.now())

    assert [(g.supplier_name, [line.title for line in g.lines]) for g in view.groups] == [
        ("云岭茶业", ["去年的茶", "云岭白茶"]),
        ("阳山果园", ["阳山蜜桃"]),
    ]
    lines = {line.title: line for line in view.lines}
    white = lines["云岭白茶"]
    assert (white.unit_fen, white.seen_fen, white.price_change_fen) == (9_000, 9_800, -800)
    short = lines["阳山蜜桃"]
    assert (short.available, short.shortfall, short.problem.code) == (3, 2, "out_of_stock")
    assert lines["去年的茶"].problem.code == "off_sale"
    # Two teas are what can be bought now.
    assert (view.goods_fen, view.selected_count, view.piece_count) == (18_000, 1, 8)


def test_a_cart_remembers_the_store_and_its_price(su, tea):
    store = world.ahe()
    world.own_price(store, tea, 8_800)
    put(su, tea, 1, store)

    line = cart.cart_view(su, now=world.now()).lines[0]

    assert (line.store_code, line.unit_fen, line.seen_fen) == (store.code, 8_800, 8_800)


def test_the_view_takes_as_many_statements_for_30_lines_as_for_one(su):
    many = world.product(world.yunling(), "百味茶", options=[f"味 {place}" for place in range(30)])
    world.yangshan()
    skus = list(many.skus.order_by("position"))
    counts = {}
    for lines in (1, 3, 30):
        for sku in skus[:lines]:
            put(su, sku)
        with CaptureQueriesContext(connection) as queries:
            view = cart.cart_view(su, now=world.now())
        assert len(view.lines) == lines
        counts[lines] = len(queries)
    assert len(set(counts.values())) == 1, counts
    assert counts[1] <= 6


def test_a_visitors_cart_comes_along_at_sign_in(su, visitor, tea):
    store = world.ahe()
    peach = world.product(world.yangshan(), "阳山蜜桃", pieces=2_000)
    put(su, tea, 2)
    put(su, peach, 600)
    put(visitor, tea, 3, store)
    put(visitor, peach, 600)
    put(visitor, world.product(world.yunling(), "明前龙井"), 1)
    key = visitor.visitor_key

    assert cart.merge_carts(visitor_key=key, user=su.user, now=world.now()) == 3
    assert cart.merge_carts(visitor_key=key, user=su.user, now=world.now()) == 0

    assert contents(su) == {"云岭白茶": 5, "阳山蜜桃": 999, "明前龙井": 1}
    assert contents(visitor) == {}
    assert cart.cart_of(su).get(sku=world.sku_of(tea)).store == store
    assert Cart.objects.count() == 1


def test_merging_stops_at_100_goods_and_keeps_the_newest(su, visitor):
    many = world.product(world.yunling(), "百味茶", options=[f"味 {place}" for place in range(110)])
    skus = list(many.skus.order_by("position"))
    for sku in skus[:95]:
        put(su, sku)
    for sku in skus[90:]:
        put(visitor, sku)

    cart.merge_carts(visitor_key=visitor.visitor_key, user=su.user, now=world.now())

    lines = cart.cart_of(su)
    assert lines.count() == 100
    assert set(lines.filter(quantity=2).values_list("sku", flat=True)) == {s.pk for s in skus[90:95]}
    assert set(lines.order_by("-pk").values_list("sku", flat=True)[:5]) == {s.pk for s in skus[105:]}


def test_a_cart_belongs_to_exactly_one(su):
    for odd in ({}, {"user": su.user, "visitor_hash": "x" * 64}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Cart.objects.create(**odd)


def test_signing_in_with_an_empty_cart_does_nothing(su):
    assert cart.merge_carts(visitor_key="", user=su.user, now=world.now()) == 0
    assert cart.merge_carts(visitor_key=new_token(32), user=su.user, now=world.now()) == 0
    assert not Cart.objects.exists()


def test_a_closed_store_counts_as_none(su, tea):
    store = world.ahe()
    world.own_price(store, tea, 8_800)
    world.stores.suspend(distributor=store.distributor, actor=world.STAFF, reason="asked to", now=world.now())
    put(su, tea, 1, store)

    line = cart.cart_view(su, now=world.now()).lines[0]
    assert (line.store_code, line.unit_fen) == ("", 9_800)


def test_a_refusal_is_in_words(su):
    with pytest.raises(DomainError) as refusal:
        cart.take_out(owner=su, sku_number="k0", now=world.now())
    assert str(refusal.value)
