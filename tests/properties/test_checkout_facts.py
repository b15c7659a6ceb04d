"""The one reading of a checkout sees what plain questions see, and the one writing writes what plain rows hold.

The plain side stands in ``plain_checkout``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import QuerySet
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from distributors.commissions.models import CommissionRule
from distributors.links.models import Bond, Touch, Visitor
from distributors.stores.models import Distributor, Store
from orders.checkout.items import Item
from orders.checkout.models import Cart, CartLine
from orders.checkout.place import place_order
from orders.checkout.queries import Wish, facts_of
from orders.checkout.quote import quote_of
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.rules import Recipient
from shop.accounts.models import User, WechatIdentity
from shop.base.errors import DomainError
from shop.base.numbers import new_number, token_hash
from shop.catalogue.models import Category, Sku
from shop.freight.models import FreightRule, FreightTemplate, ProductFreight
from shop.freight.queries import PriceLists
from shop.pricing.models import SkuPrice
from shop.stock.models import Reservation, StockItem, StockMovement
from shop.work.models import Due
from tests import world
from tests.properties.plain_checkout import plain_facts

pytestmark = pytest.mark.django_db
KEY = "visitor-of-this-test"
HOUR = timedelta(hours=1)
SLOW = examples(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass
class Town:
    """Those who are there in every example."""

    su: User
    people: list[User]
    stores: list[Store]
    skus: list[Sku]
    now: datetime


@pytest.fixture
def town() -> Town:
    su = world.customer("苏 Su")
    stores = [world.ahe(), world.lin()]
    top = world.category("drinks", "饮品", return_days=15)
    shelf = world.category("white-tea", "白茶")
    Category.objects.filter(pk=shelf.pk).update(parent=top, level=2)
    shelf.refresh_from_db()
    goods = [
        world.product(world.yunling(), "云岭白茶", on=shelf, floor_fen=9_000, ceiling_fen=12_000),
        world.product(world.yunling(), "云岭红茶", pieces=3),
        world.product(world.yangshan(), "阳山蜜桃", supply_fen=0, retail_fen=4_500, options=["5 斤", "10 斤"]),
    ]
    skus = [sku for one in goods for sku in one.skus.order_by("position")]
    for one in stores:
        world.own_price(one, goods[0], 9_500)
    return Town(su, [su, world.person("周 Zhou"), *(one.distributor.user for one in stores)], stores, skus, world.now())


@contextmanager
def undone() -> Iterator[None]:
    """Let nothing of an example stay."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


# --- what happens in an example -------------------------------------------------------------------------------------


def touched(town: Town, draw: st.DrawFn) -> None:
    """Openings of any age, by anybody, of a store or of a product."""
    Touch.objects.bulk_create(
        Touch(
            number=new_number("V"),
            at=town.now - draw(st.integers(-1, 40)) * timedelta(days=1) - draw(st.integers(0, 2)) * HOUR,
            token="token0001",
            store_id=draw(st.sampled_from(town.stores)).pk,
            product_id=draw(st.sampled_from([None, *(sku.product_id for sku in town.skus)])),
            channel="link",
            visitor_hash=token_hash(draw(st.sampled_from([KEY, "another-device-of-hers", "a-stranger"]))),
            user_id=draw(st.sampled_from([None, town.su.pk, town.people[1].pk])),
        )
        for _opening in range(draw(st.integers(0, 8)))
    )


def bonded(town: Town, draw: st.DrawFn) -> None:
    """Her bond, her visitor's, both, none; protected, valid, expired or ended. The visitor is hers or not yet."""
    mine = draw(st.sampled_from([None, None, town.su, town.people[1]]))
    visitor = Visitor.objects.create(key_hash=token_hash(KEY), user=mine, created_at=town.now)
    Visitor.objects.create(key_hash=token_hash("another-device-of-hers"), user=town.su, created_at=town.now)
    for who in draw(st.sampled_from([[], ["user"], ["visitor"], ["user", "visitor"]])):
        began = town.now - draw(st.integers(0, 500)) * timedelta(days=1)
        Bond.objects.create(
            user=town.su if who == "user" else None,
            visitor=visitor if who == "visitor" else None,
            store=draw(st.sampled_from(town.stores)),
            started_at=began,
            protected_until=began + timedelta(days=15),
            valid_until=began + timedelta(days=365),
            reason="first_touch",
            ended_at=draw(st.sampled_from([None, None, town.now])),
        )


def related(town: Town, draw: st.DrawFn) -> None:
    """Stores close, and accounts turn out to be one person's."""
    for one in town.stores:
        state = draw(st.sampled_from(["active", "active", "suspended"]))
        Distributor.objects.filter(pk=one.distributor_id).update(state=state, grade=draw(st.sampled_from("ab")))
    for app, user in enumerate(town.people):
        openid, unionid = draw(st.sampled_from([("", ""), ("o1", ""), ("o2", "u1"), ("o3", "u1")]))
        if openid:
            WechatIdentity.objects.create(user=user, app_id=f"app{app}", openid=openid, unionid=unionid)


def ruled(town: Town, draw: st.DrawFn) -> None:
    """Rates for anything, in force, over, or not yet."""
    one = town.skus[0]
    keys = [
        *(("global", ""), ("sku", one.number), ("sku", town.skus[1].number), ("product", one.product.number)),
        *(("category", "white-tea"), ("category", "drinks"), ("category", "elsewhere"), ("supplier", "yunling")),
        *(("grade", "a"), ("grade", "c")),
    ]
    for scope, scope_key in draw(st.lists(st.sampled_from(keys), max_size=6)):
        begins = town.now + draw(st.integers(-3, 1)) * HOUR
        CommissionRule.objects.create(
            scope=scope,
            scope_key=scope_key,
            level1_bp=draw(st.integers(0, 900)),
            level2_bp=100,
            effective_from=begins,
            effective_until=draw(st.sampled_from([None, begins + HOUR, begins + 9 * HOUR])),
        )


def delivered(town: Town, draw: st.DrawFn) -> None:
    """A second price list that some products follow, and rules for places around hers and elsewhere."""
    supplier = world.yunling()
    other = FreightTemplate.objects.create(supplier=supplier, name="冷链", basis="weight")
    for code in draw(st.lists(st.sampled_from(["", "330000", "330100", "330106", "540000"]), unique=True)):
        FreightRule.objects.create(template=other, region_code=code, first_fen=draw(st.integers(0, 900)))
    for sku in draw(st.lists(st.sampled_from(town.skus[:2]), unique=True)):
        ProductFreight.objects.create(product_id=sku.product_id, template=other)
    if draw(st.booleans()):
        ProductFreight.objects.filter(template__supplier=supplier).delete()
        FreightTemplate.objects.filter(supplier=supplier).update(is_default=False)


def sold(town: Town, draw: st.DrawFn) -> None:
    """Stock runs out, SKUs go, prices move out of a store's band."""
    for sku in town.skus:
        Sku.objects.filter(pk=sku.pk).update(is_active=draw(st.sampled_from([True, True, False])))
    if draw(st.booleans()):
        SkuPrice.objects.filter(sku=town.skus[0]).update(floor_fen=9_700)
    if draw(st.booleans()):
        StockItem.objects.filter(sku=town.skus[1]).delete()


@st.composite
def wishes(draw: st.DrawFn, town: Town) -> Wish:
    for happens in (touched, bonded, related, ruled, delivered, sold):
        happens(town, draw)
    chosen = draw(st.lists(st.sampled_from(town.skus), min_size=1, max_size=5))
    codes = ["", "nowhere", *(one.code for one in town.stores)]
    user = draw(st.sampled_from([town.su, town.su, town.people[2], None]))
    return Wish(
        user=user,
        items=[Item(sku.number, draw(st.integers(1, 4)), draw(st.sampled_from(codes))) for sku in chosen],
        now=town.now,
        visitor_key=draw(st.sampled_from([KEY, ""])),
        region_code=draw(st.sampled_from([None, world.XIHU, "330000", "110000"])),
    )


def expiries() -> QuerySet[Due]:
    """Return the orders that will be given up if nobody pays."""
    return Due.objects.filter(what="order.expire")


# --- the comparison -------------------------------------------------------------------------------------------------


@SLOW
@given(data=st.data())
def test_the_one_reading_sees_what_plain_questions_see(town: Town, data: st.DataObject) -> None:
    with undone():
        wish = data.draw(wishes(town))
        found, plain = facts_of(wish), plain_facts(wish)

        assert found.goods == plain.goods
        assert found.credit.touches == plain.credit.touches
        assert found.credit.bond == plain.credit.bond
        # The store of a bond that does not count may come along.
        needed = {key: found.credit.stores.get(key) for key in plain.credit.stores}
        assert needed == plain.credit.stores
        assert replace(found.credit, stores={}, touches=[]) == replace(plain.credit, stores={}, touches=[])
        assert {rule.number for rule in found.rules} <= {rule.number for rule in plain.rules}
        assert sorted_lists(found.freight) == sorted_lists(plain.freight)
        if wish.region_code != "110000":
            assert quote_of(wish.items, found) == quote_of(wish.items, plain)


def sorted_lists(lists: PriceLists | None) -> Any:
    if lists is None:
        return None
    by_template = {key: replace(one, product_ids=sorted(one.product_ids)) for key, one in lists.by_template.items()}
    return PriceLists(lists.is_known_place, by_template)


@SLOW
@given(data=st.data())
def test_the_one_writing_writes_what_was_quoted(town: Town, data: st.DataObject) -> None:
    with undone():
        wish = data.draw(wishes(town))
        wish = replace(wish, user=town.su, region_code=world.XIHU)
        for sku in {item.sku_number for item in wish.items if data.draw(st.booleans())}:
            CartLine.objects.create(
                cart=Cart.objects.get_or_create(user=town.su)[0],
                sku=Sku.objects.get(number=sku),
                quantity=data.draw(st.integers(1, 9)),
                is_selected=data.draw(st.booleans()),
                seen_fen=1,
                added_at=wish.now,
            )
        cart = list(CartLine.objects.values_list("sku__number", "is_selected", "quantity"))
        stock = dict(StockItem.objects.values_list("sku__number", "on_hand"))
        quoted = quote_of(wish.items, facts_of(wish))
        address = world.address(town.su)
        facts = {"items": wish.items, "address_number": address.number, "visitor_key": wish.visitor_key}
        try:
            order = place_order(user=town.su, now=wish.now, **facts)
        except DomainError:
            assert quoted.problems
            assert not (Order.objects.exists() or Reservation.objects.exists() or expiries().exists())
            assert dict(StockItem.objects.values_list("sku__number", "on_hand")) == stock
            return
        assert not quoted.problems

        order = Order.objects.get(pk=order.pk)
        sums = ("goods_fen", "discount_fen", "freight_fen", "payable_fen")
        assert [getattr(order, name) for name in sums] == [getattr(quoted, name) for name in sums]
        to = Recipient(
            order.recipient_name, order.recipient_phone, order.region_code, order.region_names, order.address_detail
        )
        assert to == Recipient(address.name, address.phone, address.region_code, address.region_names, address.detail)
        parts = list(SupplierOrder.objects.filter(order=order).order_by("pk"))
        assert [[getattr(part, name) for name in ("supplier_id", *sums)] for part in parts] == [
            [getattr(group, name) for name in ("supplier_id", *sums)] for group in quoted.groups
        ]
        rows = list(OrderLine.objects.filter(order=order).order_by("line"))
        assert [(row.supplier_order_id, *written(row)) for row in rows] == [
            (part.pk, *meant(line)) for part, group in zip(parts, quoted.groups, strict=True) for line in group.lines
        ]
        wanted: dict[str, int] = {}
        for item in wish.items:
            wanted[item.sku_number] = wanted.get(item.sku_number, 0) + item.quantity
        for rows_of in (
            Reservation.objects.filter(reference=order.number, state="open"),
            StockMovement.objects.filter(reference=order.number, kind="reserved"),
        ):
            assert dict(rows_of.values_list("sku__number", "quantity")) == wanted
        assert dict(StockItem.objects.values_list("sku__number", "on_hand")) == {
            sku: pieces - wanted.get(sku, 0) for sku, pieces in stock.items()
        }
        assert sorted(CartLine.objects.values_list("sku__number", "is_selected", "quantity")) == sorted(
            (sku, chosen, pieces - (wanted.get(sku, 0) if chosen else 0))
            for sku, chosen, pieces in cart
            if not chosen or pieces > wanted.get(sku, 0)
        )
        assert list(expiries().values_list("subject", "due_at")) == [(order.number, order.expires_at)]


def written(row: OrderLine) -> list[Any]:
    """Return what a stored line says."""
    return [
        row.sku_id, row.product_id, row.title, row.quantity, row.unit_fen, row.supply_unit_fen, row.discount_fen,
        row.paid_fen, row.supplier_fen, row.pool_fen, row.store_id, row.referrer_store_id, row.level1_fen,
        row.level2_fen, row.credit_reason, row.credit_evidence["candidates"], row.refunded_fen,
    ]  # fmt: skip


def meant(line: Any) -> list[Any]:
    """Return what a quoted line says."""
    goods, money, credited = line.goods, line.money, line.credit
    return [
        goods.sku_id, goods.product_id, goods.title, line.quantity, line.unit_fen, goods.supply_fen, money.discount_fen,
        money.paid_fen, money.supplier_fen, money.pool_fen, credited.store_id, credited.referrer_store_id,
        money.level1_fen, money.level2_fen, credited.reason, credited.evidence, 0,
    ]  # fmt: skip
