"""Whose sale is it? Visitors who sign in later, bonds that hold, owners who buy from themselves."""

import pytest

from shop.catalogue.models import Product
from tests import world
from tests.stories.town import Phone, Town, audit, books_hold


@pytest.fixture
def tea() -> Product:
    world.rule(1_000, 300)
    return world.product(world.yunling(), "云岭白茶", retail_fen=9_800, supply_fen=6_000)


def link_of(town: Town, store, **wanted: str) -> str:
    body = {"target": "store", **wanted}
    token: str = town.owner(store).post("me/store/links/", body, expect=201)["token"]
    return token


def buy(town: Town, phone: Phone, tea: Product) -> str:
    order = phone.order((tea, 1), address=phone.get("me/addresses/")[0]["number"])
    town.pay(phone, order["number"])
    number: str = order["number"]
    return number


def earners(number: str) -> list[tuple[int, str]]:
    return audit("SELECT level, store FROM audit.commissions WHERE order_number = %s ORDER BY level", number)


def test_an_anonymous_visitor_keeps_link_and_cart_when_she_signs_in(town, tea):
    ahe, user = world.ahe(), world.customer("苏 Su")
    visitor = town.phone()
    visitor.open(link_of(town, ahe))
    sku = world.sku_of(tea).number
    visitor.post("cart/lines/", {"sku": sku, "quantity": 2, "store": ahe.code}, expect=201)
    assert visitor.get("cart/")["piece_count"] == 2

    su = visitor.sign_in(user)
    assert su.get("cart/")["piece_count"] == 2
    address = su.get("me/addresses/")[0]["number"]
    order = su.post("orders/", {"address": address}, expect=201)
    town.pay(su, order["number"])
    assert earners(order["number"]) == [(1, ahe.code), (2, world.lin().code)]
    assert su.get("cart/")["piece_count"] == 0

    # Another device of hers: the bond is on the account, not in the phone.
    tablet = town.phone(user)
    assert earners(buy(town, tablet, tea)) == [(1, ahe.code), (2, world.lin().code)]
    books_hold(order["number"])


def test_a_protected_bond_beats_a_newer_link_and_says_so(town, tea):
    ahe, mo = world.ahe(), world.store("陌 Mo", called="陌上")
    su = town.phone(world.customer("苏 Su"))
    su.open(link_of(town, ahe))
    first = buy(town, su, tea)
    su.open(link_of(town, mo))
    second = buy(town, su, tea)
    assert (earners(first)[0], earners(second)[0]) == ((1, ahe.code), (1, ahe.code))

    told = town.owner(ahe).get(f"me/store/orders/{second}/explain/")
    assert told["order"]["lines"][0]["credit_reason"] == "protected_bond"
    assert mo.code in str(told["evidence"]["1"])
    town.owner(mo).get(f"me/store/orders/{second}/explain/", expect=404)

    # A fortnight later the protection is over: the last link counts.
    town.days_pass(16)
    su.open(link_of(town, mo))
    assert earners(buy(town, su, tea))[0] == (1, mo.code)
    books_hold(first, second)


def test_buying_in_ones_own_store_is_a_price_cut_not_an_income(town, tea):
    ahe = world.ahe()
    world.address(ahe.distributor.user)
    owner = town.owner(ahe)
    owner.open(link_of(town, ahe))
    address = owner.get("me/addresses/")[0]["number"]
    order = owner.order((tea, 1), address=address, store=ahe)
    assert (order["goods_fen"], order["discount_fen"]) == (9_800, 980)
    town.pay(owner, order["number"])
    # Lin, who invited her, earns her 3 % of what was paid; Ahe earns nothing from herself.
    assert audit(
        "SELECT level, store, base_fen, amount_fen FROM audit.commissions WHERE order_number = %s",
        order["number"],
    ) == [(2, world.lin().code, 8_820, 264)]
    books_hold(order["number"])
