"""Placing an order by the API: what it answers, and how often it asks the database."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distributors.links.actions import record_touch
from distributors.links.models import Bond
from orders.checkout.cart import CartOwner, cart_of, put_in
from orders.checkout.items import Item
from orders.checkout.models import Cart
from orders.checkout.queries import Wish, read_signed_in
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from shop.accounts.models import User
from shop.accounts.queries import user_of_token
from shop.api.throttles import Scoped
from shop.stock.models import StockItem
from shop.work.models import IdempotencyKey
from shop.work.redis_client import redis_client
from tests import world
from tests.asking import Caller, new_key, refused, told

pytestmark = pytest.mark.django_db(transaction=True)
VISITOR = "visitor-key-of-su"


def goods(count: int) -> list[Any]:
    """Return products of two suppliers, in turn."""
    suppliers = (world.yunling(), world.yangshan())
    return [
        world.product(suppliers[place % 2], f"茶 {place}", supply_fen=100, retail_fen=200) for place in range(count)
    ]


def wish(user: Any, products: list[Any], store: Any) -> dict[str, Any]:
    items = [{"sku": world.sku_of(one).number, "quantity": 1, "store": store.code} for one in products]
    return {"address": world.address(user).number, "items": items}


@pytest.fixture
def su() -> Caller:
    world.rule(500, 100)
    caller = Caller(world.customer(), visitor=VISITOR)
    world.open_link(world.link(world.ahe()), user=world.person("苏 Su"), visitor_key=VISITOR)
    told(caller.get("me/"))
    return caller


def statements(su: Caller, body: dict[str, Any]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        placed = told(su.post("orders/", body, key=new_key()), 201)
    assert len(placed["supplier_orders"]) == 2
    return [query["sql"].partition("(")[0].split()[-1] for query in queries]


def test_an_order_takes_two_statements_whatever_its_lines(su: Caller) -> None:
    """The reading, with the sign-in in it, and the writing, which is a transaction by itself."""
    person, store, products = world.person("苏 Su"), world.ahe(), goods(30)
    took = [statements(su, wish(person, products[:lines], store)) for lines in (2, 3, 30)]

    assert took == [["checkout_facts_signed_in", "checkout_place"]] * 3
    assert Order.objects.count() == 3


def test_the_answer_is_the_order_as_it_is_read_later(su: Caller) -> None:
    person, store, products = world.person("苏 Su"), world.ahe(), goods(3)
    body = wish(person, products, store) | {"note": "先打电话"}

    placed = told(su.post("orders/", body, key="order-9001"), 201)

    assert told(su.get(f"orders/{placed['number']}/")) == placed
    assert told(su.post("orders/", body, key="order-9001"), 201) == placed
    assert IdempotencyKey.objects.get().body == placed
    lines = OrderLine.objects.order_by("line")
    assert set(lines.values_list("credit_reason", "store__code")) == {("protected_bond", store.code)}
    assert SupplierOrder.objects.count() == 2


def test_reading_ahead_changes_no_answer(su: Caller) -> None:
    """Signed in by the reading or before it: the same order, the same refusals, nothing half-written."""
    person, store, (tea, gone) = world.person("苏 Su"), world.ahe(), goods(2)
    StockItem.objects.filter(sku=world.sku_of(gone)).update(on_hand=0, received=0)
    stranger = world.address(world.customer("周 Zhou")).number
    good = wish(person, [tea], store)
    bodies: list[Any] = [
        good,
        good | {"items": [*good["items"], {"sku": "NoSuchSku", "quantity": 1, "store": ""}]},
        good | {"items": []},
        good | {"items": good["items"] * 2},
        good | {"address": stranger},
        good | {"expected_payable_fen": 1},
        good | {"coupons": ["K0"]},
        wish(person, [gone], store),
        {"items": good["items"]},
        [],
    ]
    ended = Caller(visitor=VISITOR)
    ended.carry("not-a-token-of-anybody")
    halved = Caller(visitor=VISITOR)
    halved.headers["Authorization"] = "Bearer"
    badly_known = Caller(person, visitor="short")
    for caller in (su, Caller(person), ended, halved, Caller(visitor=VISITOR), badly_known):
        for body in bodies:
            assert asked_ahead(caller, body) == asked_first(caller, body), (caller.headers, body)
    for key in ("", "short", "x" * 81):
        assert asked_ahead(su, good, key=key) == asked_first(su, good, key=key)
    raw = b'{"items": [{"sku": "\xff"}]}'
    assert facts_of(su.post("orders/", raw=raw, key=new_key())) == facts_of(
        su.post("orders/", raw=raw, key=new_key(), content_type=ASKED_FIRST)
    )


def test_she_is_the_same_person_read_ahead_or_before(su: Caller) -> None:
    """To the last field: one way comes through JSON."""
    person, (tea,), now = world.person("苏 Su"), goods(1), world.now()
    User.objects.filter(pk=person.pk).update(last_login=now)
    token = su.headers["Authorization"].split()[1]
    item = Item(world.sku_of(tea).number, 1, "")

    before = user_of_token(token, now)
    ahead = read_signed_in(Wish(user=None, items=[item], now=now), token=token, caller="user:", key=new_key())

    assert before is not None and ahead is not None
    facts = [{field.name: getattr(each, field.attname) for field in User._meta.fields} for each in (before, ahead[0])]
    assert facts[0] == facts[1]
    assert (facts[1]["last_login"], facts[1]["phone"]) == (now, person.phone)
    assert read_signed_in(Wish(user=None, items=[item], now=now), token="nobody's", caller="user:", key="k") is None


def test_an_opening_of_a_moment_ago_decides(su: Caller) -> None:
    """It waits in Redis alone, and its store is one that nobody knew to ask about: the reading is done again."""
    person, (tea,) = world.person("苏 Su"), goods(1)
    item = {"sku": world.sku_of(tea).number, "quantity": 1}
    body = {"address": world.address(person).number, "items": [item]}
    Bond.objects.all().delete()
    chen = world.store("陈 Chen")
    record_touch(link=world.link(chen, tea), visitor_key=VISITOR, user=None, now=world.now())

    with CaptureQueriesContext(connection) as queries:
        told(su.post("orders/", body, key=new_key()), 201)

    asked = [query["sql"].partition("(")[0].split()[-1] for query in queries]
    assert asked == ["checkout_facts_signed_in", "checkout_facts_signed_in", "checkout_place"]
    assert OrderLine.objects.get().store == chen


def test_who_asks_too_often_is_told_so_and_nothing_else(su: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis counts while the order is made ready; the answer is looked at before anything is written."""
    monkeypatch.setattr(Scoped, "THROTTLE_RATES", Scoped.THROTTLE_RATES | {"place_order": "3/min"})
    person, (tea,) = world.person("苏 Su"), goods(1)
    good = wish(person, [tea], world.ahe())
    bad = good | {"address": "A0"}
    told(su.post("orders/", good, key="order-1001"), 201)
    redis_client().script_flush()
    refused(su.post("orders/", bad, key=new_key()), 404)
    refused(su.post("orders/", [], key=new_key()), 400)

    for body, key in ((good, new_key()), (bad, new_key()), ([], new_key()), (good, "order-1001"), (good, "")):
        refusal = su.post("orders/", body, key=key)
        refused(refusal, 429, "throttled")
        assert 0 < int(refusal["Retry-After"]) <= 60
    put_in(owner=CartOwner(visitor_key=VISITOR), sku_number=world.sku_of(tea).number, quantity=1, now=world.now())
    for more in ({}, {"content_type": ASKED_FIRST}):
        refused(su.post("orders/", good, key=new_key(), **more), 429, "throttled")
    assert [cart.user for cart in Cart.objects.all()] == [None], "what she put in as a visitor is still the visitor's"
    assert Order.objects.count() == IdempotencyKey.objects.count() == 1
    told(Caller(world.customer("周 Zhou")).get("me/"))
    told(su.get("orders/"))


ASKED_FIRST = "application/json; charset=utf-8; profile=first"


def asked_ahead(caller: Caller, body: Any, *, key: str | None = None) -> Any:
    return facts_of(caller.post("orders/", body, key=new_key() if key is None else key))


def asked_first(caller: Caller, body: Any, *, key: str | None = None) -> Any:
    """A body of a kind that is not read ahead."""
    key = new_key() if key is None else key
    return facts_of(caller.post("orders/", body, key=key, content_type=ASKED_FIRST))


def facts_of(answer: Any) -> Any:
    """What an answer says, but for numbers and instants that are new each time."""
    known = {"number", "placed_at", "expires_at", "request_id", "instance"}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items() if name not in known}
        return [plain(each) for each in value] if isinstance(value, list) else value

    return answer.status_code, plain(json.loads(answer.content))


def test_more_goods_than_an_order_holds_are_refused_before_they_are_looked_up(su: Caller) -> None:
    """What an order may hold bounds what one request can make the database read."""
    person, (tea,) = world.person("苏 Su"), goods(1)
    body = wish(person, [tea], world.ahe())
    with CaptureQueriesContext(connection) as queries:
        refused(su.post("orders/", body | {"items": body["items"] * 101}, key=new_key()), 400, field="items")
    assert [query["sql"] for query in queries if "checkout_facts" in query["sql"]] == []


def test_a_key_gives_the_first_answer_whoever_read_ahead(su: Caller) -> None:
    """One that was signed in before, then ahead; and another body under the same key is refused either way."""
    body = wish(world.person("苏 Su"), goods(1), world.ahe())
    first = told(su.post("orders/", body, key="order-9003", content_type=ASKED_FIRST), 201)

    assert told(su.post("orders/", body, key="order-9003"), 201) == first
    other = told(su.post("orders/", body | {"note": "另一个"}, key="order-9003"), 422)
    assert other["code"] == "idempotency_key_reused"
    assert Order.objects.count() == 1


def test_the_carts_selection_is_bought_once_under_a_key(su: Caller) -> None:
    """The second time the cart is empty, and still the first answer comes."""
    person = world.person("苏 Su")
    (tea,) = goods(1)
    put_in(owner=CartOwner(user=person), sku_number=world.sku_of(tea).number, quantity=2, now=world.now())
    body = {"address": world.address(person).number}

    placed = told(su.post("orders/", body, key="order-9002"), 201)

    assert not cart_of(CartOwner(user=person)).exists()
    again = su.post("orders/", body, key="order-9002")
    assert told(again, 201) == placed
    assert again["Idempotency-Replayed"] == "true"
    assert world.on_hand(tea) == 98


def test_what_she_put_in_as_a_visitor_leaves_with_what_is_bought(su: Caller) -> None:
    person, store = world.person("苏 Su"), world.ahe()
    tea, peach = goods(2)
    for one in (tea, peach):
        put_in(owner=CartOwner(visitor_key=VISITOR), sku_number=world.sku_of(one).number, quantity=1, now=world.now())

    told(su.post("orders/", wish(person, [tea], store), key=new_key()), 201)

    assert [line.sku_id for line in cart_of(CartOwner(user=person))] == [world.sku_of(peach).pk]
    assert not cart_of(CartOwner(visitor_key=VISITOR)).exists()
