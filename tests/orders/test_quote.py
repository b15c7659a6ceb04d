"""What a checkout costs: own prices, self-purchase, delivery, and the troubles it names."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distributors.links.models import Bond
from orders.checkout.items import Item
from orders.checkout.quote import quote
from shop.catalogue.actions import take_off_sale
from tests import world

pytestmark = pytest.mark.django_db


def ask(user, wishes, *, region_code=world.XIHU, visitor_key=""):
    return quote(
        user=user,
        items=world.items(wishes),
        region_code=region_code,
        visitor_key=visitor_key,
        now=world.now(),
    )


@pytest.fixture
def tea():
    return world.product(
        world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800, floor_fen=8_000, ceiling_fen=12_000
    )


def test_a_quote_explains_delivery_per_supplier(tea):
    peach = world.product(world.yangshan(), "阳山蜜桃", retail_fen=19_900)

    found = ask(world.customer(), [(tea, 3), (peach, 1)])

    tea_part, peach_part = found.groups
    assert (tea_part.supplier_name, tea_part.freight_fen, tea_part.is_deliverable) == ("云岭茶业", 0, True)
    assert (peach_part.supplier_name, peach_part.freight_fen) == ("阳山果园", 0)
    assert all(part.freight_notes for part in found.groups)
    assert found.payable_fen == 3 * 9_800 + 19_900
    assert found.is_placeable


def test_without_an_address_delivery_is_open(tea):
    found = ask(None, [(tea, 1)], region_code=None)

    assert found.groups[0].is_deliverable is None
    assert (found.freight_fen, found.payable_fen) == (0, 9_800)


def test_troubles_are_named_line_by_line_with_a_way_out(tea):
    gone = world.product(world.yunling(), "去年的茶")
    take_off_sale(product=gone, actor=world.STAFF, at=world.now())
    few = world.product(world.yunling(), "明前龙井", pieces=2)

    found = ask(world.customer(), [(tea, 1), (gone, 1), (few, 3)])

    assert not found.is_placeable
    assert [(p.code, p.sku_number, p.left) for p in found.problems] == [
        ("off_sale", world.sku_of(gone).number, None),
        ("out_of_stock", world.sku_of(few).number, 2),
    ]
    # Only what can be bought is summed.
    assert (found.goods_fen, found.payable_fen) == (9_800, 10_600)
    assert [bool(line.problem) for line in found.lines] == [False, True, True]


def test_nobody_delivers_to_lhasa(tea):
    found = ask(world.customer(), [(tea, 1)], region_code=world.LHASA)

    assert [p.code for p in found.problems] == ["not_deliverable"]
    assert found.groups[0].is_deliverable is False


def bond(user, store):
    at = world.now()
    days = timedelta(days=1)
    return Bond.objects.create(
        user=user,
        store=store,
        started_at=at - days,
        protected_until=at + days,
        valid_until=at + 9 * days,
        reason="first_touch",
    )


def test_a_stores_own_price_counts_where_she_gets_the_sale(tea):
    su, ahe = world.customer(), world.ahe()
    world.own_price(ahe, tea, 8_800)
    bond(su, ahe)

    seen_there = ask(su, [(tea, 1, ahe)]).lines[0]
    seen_elsewhere = ask(su, [(tea, 1)]).lines[0]

    assert (seen_there.unit_fen, seen_there.credit.store_id) == (8_800, ahe.pk)
    assert (seen_elsewhere.unit_fen, seen_elsewhere.credit.store_id) == (9_800, ahe.pk)


def test_a_price_of_a_store_she_was_never_led_to_does_not_count(tea):
    su, ahe = world.customer(), world.ahe()
    stranger = world.store("陌 Mo", called="便宜店")
    world.own_price(stranger, tea, 8_000)
    bond(su, ahe)

    line = ask(su, [(tea, 1, stranger)]).lines[0]

    assert (line.unit_fen, line.credit.store_id) == (9_800, ahe.pk)


def test_a_price_outside_the_band_of_today_does_not_count(tea):
    su, ahe = world.customer(), world.ahe()
    world.own_price(ahe, tea, 8_000)
    bond(su, ahe)
    world.price(world.sku_of(tea), supply_fen=6_000, retail_fen=9_800, floor_fen=9_000, ceiling_fen=12_000)

    assert ask(su, [(tea, 1, ahe)]).lines[0].unit_fen == 9_800


def test_an_unknown_store_changes_nothing(tea):
    found = quote(
        user=None,
        items=[Item(world.sku_of(tea).number, 1, "bNoSuchStore")],
        region_code=None,
        now=world.now(),
    )

    assert found.payable_fen == 9_800


def test_buying_from_her_own_store_saves_her_share_to_the_fen(tea):
    world.rule(level1_bp=1_234, level2_bp=300)
    ahe = world.ahe()
    world.address(ahe.distributor.user)

    line = ask(ahe.distributor.user, [(tea, 3)]).lines[0]

    # 12.34 % of ¥294.00 is ¥36.2796, rounded down; her referrer's 3 % is of what she really pays.
    assert line.is_self_purchase
    assert (line.money.goods_fen, line.discount_fen, line.paid_fen) == (29_400, 3_627, 25_773)
    assert (line.money.level1_fen, line.money.level2_fen) == (0, 773)
    assert line.money.supplier_fen == 18_000
    order = world.place(ahe.distributor.user, [(tea, 3)])
    assert (order.discount_fen, order.payable_fen) == (3_627, 25_773)
    stored = order.lines.get()
    assert (stored.store, stored.level1_bp, stored.level2_bp) == (ahe, 0, 300)


def test_the_discount_never_eats_the_suppliers_part():
    world.rule(level1_bp=5_000, level2_bp=0)
    thin = world.product(world.yunling(), "薄利茶", supply_fen=9_500, retail_fen=9_800)
    ahe = world.ahe()

    line = ask(ahe.distributor.user, [(thin, 1)]).lines[0]

    assert (line.discount_fen, line.paid_fen, line.money.supplier_fen) == (300, 9_500, 9_500)


def test_shares_of_a_sale_are_frozen_on_its_line(tea):
    world.rule(level1_bp=1_000, level2_bp=300)
    su, ahe, lin = world.customer(), world.ahe(), world.lin()
    bond(su, ahe)

    line = world.place(su, [(tea, 2)]).lines.get()

    assert (line.store, line.referrer_store, line.credit_reason) == (ahe, lin, "protected_bond")
    assert (line.level1_bp, line.level2_bp) == (1_000, 300)
    assert (line.level1_fen, line.level2_fen, line.pool_fen) == (1_960, 588, 7_600)
    assert line.rule_number
    assert [one["verdict"] for one in line.credit_evidence["candidates"]] == ["won"]


def test_statements_do_not_grow_with_the_lines(tea):
    su = world.customer()
    goods = [world.product(world.yunling(), f"茶 {place}") for place in range(30)]
    counts = set()
    for lines in (1, 3, 30):
        items = world.items((one, 1) for one in goods[:lines])
        with CaptureQueriesContext(connection) as queries:
            quote(user=su, items=items, region_code=world.XIHU, now=world.now())
        counts.add(len(queries))
    assert len(counts) == 1, counts
